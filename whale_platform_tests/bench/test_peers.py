"""What the comparison of peers computes: its workload, the exactness of rows, latencies, summaries, its plot."""

import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from whale_platform.bench.peers import comparison, flink, window_rows
from whale_platform.bench.peers.exactness import WINDOW_US, WindowKey, WindowTotal, compare_windows, compute_windows
from whale_platform.bench.peers.peer import PROGRAMS, PeerPlace
from whale_platform.bench.peers.window_rows import list_row_latencies
from whale_platform.bench.peers.workload import generate_trade
from whale_platform.contracts import raw_trade
from whale_platform.toolchain.jars import read_jar_list

MINUTE = 1_700_000_040_000_000 // WINDOW_US * WINDOW_US


def encode(exchange: str, number: int, moment: int) -> bytes:
    return raw_trade.encode_trade(generate_trade(exchange, number, 2, moment))


def turn(rate: int | None, exact: bool = True, killed: bool = False) -> dict[str, Any]:
    drain = {"trades_per_s": rate, "to_last_row_s": 2.0, "start_s": 1.0, "cpu_s_per_million": 3.0}
    costs = {"cpu_s_per_million": 5.0, "servers_cpu_s_per_million": 6.0, "memory_mb": 7}
    return {
        "drain": drain,
        "steady": {"to_row_ms": {"count": 1, "p50": 10.0, "p99": 20.0}, **costs},
        "kill": {"to_next_row_s": 4.0, "caught_up_s": 5.0} if killed else None,
        "exactness": {"exact": exact, "wrong": 0 if exact else 2, "missing": 0, "extra": 0},
    }


def test_windows_are_cut_at_the_minute_and_sum_what_the_messages_say() -> None:
    trades = [generate_trade("a", number, 2, MINUTE + number) for number in range(4)]
    messages = [*map(raw_trade.encode_trade, trades), encode("a", 4, MINUTE + WINDOW_US), encode("other", 5, MINUTE)]
    first, second = (trades[0].quantity + trades[2].quantity, trades[1].quantity + trades[3].quantity)
    assert compute_windows(messages, ("a",)) == {
        WindowKey("a", "S0-USD", MINUTE): WindowTotal(2, first),
        WindowKey("a", "S1-USD", MINUTE): WindowTotal(2, second),
        WindowKey("a", "S0-USD", MINUTE + WINDOW_US): WindowTotal(1, generate_trade("a", 4, 2, 0).quantity),
    }


def test_a_trade_counted_twice_one_left_out_and_one_exchanged_for_another_are_all_found() -> None:
    keys = [WindowKey("a", "S0-USD", MINUTE + number * WINDOW_US) for number in range(5)]
    expected = {key: WindowTotal(10, Decimal("1.5")) for key in keys[:4]}
    found = {
        keys[0]: WindowTotal(11, Decimal("1.6")),
        keys[1]: WindowTotal(10, Decimal("1.50")),
        keys[2]: WindowTotal(10, Decimal("1.51")),
        keys[4]: WindowTotal(1, Decimal("0.1")),
    }
    said = compare_windows(expected, found)
    assert not said["exact"]
    assert [said[name] for name in ("windows", "wrong", "missing", "extra")] == [4, 2, 1, 1]
    assert (said["trades_too_many"], said["trades_too_few"]) == (2, 10)
    assert said["examples"][0] == f"a:S0-USD at {MINUTE}: expected 10 trades of 1.5, found 11 trades of 1.6"


def test_the_same_windows_are_exact_however_their_volume_is_written() -> None:
    key = WindowKey("a", "S0-USD", MINUTE)
    same = {key: WindowTotal(1, Decimal("1.50"))}
    assert compare_windows({key: WindowTotal(1, Decimal("1.5"))}, same)["exact"]


def test_a_trade_is_visible_with_the_first_row_that_includes_it() -> None:
    times = [1_000_000, 1_100_000, 1_200_000, 1_300_000, 9_000_000]  # of S0, S1, S0, S1, S0
    seen = {"S0-USD": [(1, 1.5)], "S1-USD": [(0, 1.2), (1, 1.7)]}
    found = list_row_latencies(times, seen, 2, 1.0, 2.0)
    assert [round(one, 3) for one in found] == [0.5, 0.1, 0.3, 0.4]


def test_trades_that_no_row_includes_and_trades_outside_the_time_have_no_latency() -> None:
    assert list_row_latencies([1_000_000, 3_000_000], {"S0-USD": [(0, 4.0)]}, 1, 0.0, 2.0) == [3.0]
    assert list_row_latencies([1_000_000], {}, 1, 0.0, 2.0) == []


def test_any_two_trades_of_a_symbol_in_a_row_differ_so_that_one_can_not_stand_for_the_other() -> None:
    quantities = [generate_trade("a", number, 20, 0).quantity for number in range(0, 2_000, 20)]
    assert all(one != other for one, other in pairwise(quantities))


def test_a_summary_has_the_medians_of_what_turns_have_and_every_wrong_window() -> None:
    said = comparison.summarise_turns([turn(100), turn(300, exact=False), turn(None, killed=True)])
    assert said["trades_per_s"] == 200
    assert (said["to_row_p50_ms"], said["to_row_p99_ms"]) == (10.0, 20.0)
    assert said["to_next_row_after_kill_s"] == 4.0
    assert (said["exact"], said["windows_wrong"]) == (False, 2)
    assert comparison.summarise_turns([turn(None)])["trades_per_s"] is None


def test_the_plot_is_a_picture_also_where_a_figure_is_missing(tmp_path: Path) -> None:
    peers = {name: {"summary": comparison.summarise_turns([turn(rate)])} for name, rate in (("a", 5), ("b", None))}
    comparison.plot_peers({"peers": peers}, tmp_path / "peers.png")
    assert (tmp_path / "peers.png").read_bytes().startswith(b"\x89PNG")


def test_flink_continues_from_its_newest_checkpoint_and_begins_without_one(tmp_path: Path) -> None:
    peer = flink.FlinkSql(PeerPlace("127.0.0.1:9092", "postgresql://whale:a%2Fb@127.0.0.1:5432/whale", tmp_path))
    checkpoints = tmp_path / "checkpoints"
    begun = peer.fill_statements("topic", checkpoints)
    assert "state-recovery" not in begun
    assert "'password' = 'a/b'" in begun
    assert "jdbc:postgresql://127.0.0.1:5432/whale" in begun
    (checkpoints / "job" / "chk-7").mkdir(parents=True)
    (checkpoints / "job" / "chk-8").mkdir()  # was not finished
    (checkpoints / "job" / "chk-7" / "_metadata").touch()
    assert f"'execution.state-recovery.path' = 'file://{checkpoints}/job/chk-7'" in peer.fill_statements(
        "topic", checkpoints
    )


def test_all_peers_write_the_columns_of_the_one_table() -> None:
    columns = re.findall(r"(\w+) (?:text|timestamptz|numeric|bigint) NOT NULL", window_rows.PEER_TABLE)
    sql = (PROGRAMS / "flink_windows.sql").read_text()
    written = sql[sql.index("CREATE TABLE windows") : sql.index("PRIMARY KEY")]
    assert re.findall(r"`(\w+)`", written) == columns
    handwritten = (PROGRAMS / "handwritten_consumer.py").read_text()
    copied = handwritten[handwritten.index("COLUMNS = (") : handwritten.index("PREPARE")]
    assert re.findall(r"\w+", copied.replace("COLUMNS", "")) == columns


def test_what_flink_needs_beside_its_wheel_is_pinned() -> None:
    assert {jar.name for jar in read_jar_list(flink.JARS)} >= {"flink-sql-connector-kafka", "postgresql"}

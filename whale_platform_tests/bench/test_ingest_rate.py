"""Whose ingesters are measured, what is counted of their topic, and that each exchange's frames can be measured."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from whale_platform.bench.harness.markets import name_currencies
from whale_platform.bench.streaming.ingest_rate import (
    TopicGrowth,
    TradesWrongError,
    check_trades,
    count_merged,
    list_groups,
)
from whale_platform.bench.streaming.ingest_stages import record_frames
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.registry import EXCHANGES, SPECS
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat


def message(trade_id: int, dense: bool = True) -> bytes:
    """As much of a raw trade as is looked at."""
    return b'{"trade_id":%d%s}' % (trade_id, b"" if dense else b',"dense":false')


def test_each_exchange_has_an_ingester_of_its_own_unless_commas_join_them() -> None:
    assert list_groups(["kraken", "binance,okx", "kraken"]) == [("kraken",), ("binance", "okx")]
    assert list_groups(["all"]) == [(name,) for name in EXCHANGES]
    assert list_groups(["okx", "all"])[0] == ("okx",) and len(list_groups(["okx", "all"])) == len(EXCHANGES)


def test_without_a_name_those_share_it_that_are_ingested_by_default() -> None:
    assert list_groups([]) == [tuple(name for name in EXCHANGES if SPECS[name].by_default)]


def test_an_exchange_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="nasdaq: there are binance, coinbase,"):
        list_groups(["binance,nasdaq"])


@pytest.mark.parametrize(("exchanges", "currencies"), [(1, 20), (2, 10), (3, 7), (11, 2)])
def test_so_many_exchanges_have_the_markets_wanted(exchanges: int, currencies: int) -> None:
    assert len(name_currencies(20, exchanges)) == currencies


def test_trades_are_counted_with_their_mean_size() -> None:
    messages = [("sim_binance:A", message(1)), ("sim_binance:B", message(1)), ("sim_binance:A", message(2))]
    seen, size = check_trades(messages)
    assert (seen, size) == (3, len(message(1)))
    assert check_trades([]) == (0, 0.0)


@pytest.mark.parametrize("ids", [(1, 3), (1, 1), (2, 3)])
def test_contiguous_ids_must_come_once_and_in_order(ids: tuple[int, ...]) -> None:
    with pytest.raises(TradesWrongError):
        check_trades([("sim_binance:A", message(one)) for one in ids])


def test_other_ids_may_come_in_any_order_and_once() -> None:
    messages = [("sim_bybit:A", message(one, dense=False)) for one in (7, 3, 900)]
    assert check_trades([*messages, ("sim_bybit:B", message(7, dense=False))])[0] == 4
    with pytest.raises(TradesWrongError, match="sim_bybit:A: trade 7 comes twice"):
        check_trades([*messages, messages[0]])


def test_the_topic_s_end_is_when_its_newest_message_was_first_seen() -> None:
    growth = TopicGrowth()
    assert [growth.read(count, now) for count, now in ((0, 1.0), (5, 2.0), (8, 3.0), (8, 4.0))] == [0, 5, 8, 8]
    assert growth.grown == 3.0


@pytest.mark.parametrize(("earlier", "merged"), [((False,), 3), ((False, True), 0)])
def test_equal_trades_count_as_one_where_nothing_is_shown_twice(
    earlier: tuple[bool, ...], merged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchanges: Any = [SimpleNamespace(shows_earlier=one) for one in earlier]
    monkeypatch.setattr(heartbeat, "read_heartbeat", lambda *_: SimpleNamespace(numbers={"duplicates": 3}))
    assert count_merged(Path(), exchanges) == merged


@pytest.mark.parametrize("name", EXCHANGES)
def test_each_exchange_s_frames_are_recorded_and_read(name: str, tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"home": tmp_path, "source": "simulator", "exchanges": (name,), "symbols": ("BTC", "ETH")}
    )
    frames = record_frames(settings, 300)
    trades = [event for exchange, data in frames for event in exchange.parse(data, 1) if isinstance(event, Trade)]
    assert len(trades) == len(frames) >= 300
    assert {one.exchange for one in trades} == {f"sim_{name}"}

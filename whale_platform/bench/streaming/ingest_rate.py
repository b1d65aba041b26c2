"""The ingester alone at line rate: the simulator's frames in, a real broker behind it, nothing else of the platform.

On a machine with several cores the ingester's process keeps to one of them. After a run the topic is read: every market
must have each id once, in order where ids are contiguous, else TradesWrongError. Each frame has one trade, whatever the
real exchange puts into one.
"""

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from whale_platform.bench.harness.broker import run_broker
from whale_platform.bench.harness.markets import name_currencies
from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.bench.harness.process_usage import read_memory_mb
from whale_platform.bench.streaming import ingest_stages
from whale_platform.broker import topics
from whale_platform.broker.reader import TopicReader
from whale_platform.contracts.raw_trade_looks import peek_dense, peek_trade_id
from whale_platform.domain.names import RAW_TRADES
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.registry import SPECS, build_adapters
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat

PARTITIONS = 2
LOOK_S = 0.01
SETTLE_S = 1.0  # the offsets count the markers of transactions too, so a few trades may still be on their way


class TradesWrongError(Exception):
    """A trade is missing, doubled or out of order."""


def list_groups(asked: Sequence[str]) -> list[tuple[str, ...]]:
    """The exchanges of each ingester that is measured: one for each of `asked`, or for each there is where it is `all`.

    Names with commas between them share an ingester; without any, those share it that are ingested by default. Raises
    ValueError for an unknown name.
    """
    default = ",".join(name for name, spec in SPECS.items() if spec.by_default)
    named = [name for text in asked or [default] for name in (SPECS if text == "all" else [text])]
    groups = [tuple(text.split(",")) for text in dict.fromkeys(named)]
    if unknown := [name for group in groups for name in group if name not in SPECS]:
        raise ValueError(f"{', '.join(unknown)}: there are {', '.join(SPECS)}, and all by itself")
    return groups


def measure_ingest(
    folder: Path,
    groups: Sequence[Sequence[str]],
    trades: int,
    symbols: int,
    rate: float,
    rounds: int,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """{ingesters: {exchanges: {stages_us: by stage, rounds: [{frames_per_s, cpu_us, switches, …}]}}}, each of a frame.

    `groups`: the exchanges of each ingester. `symbols`: markets of each one. `rate` 0: as fast as the ingester reads.
    Raises TradesWrongError.
    """
    platform = Platform(folder)
    platform.env["WHALE_SOURCE"] = "simulator"
    if rate:
        platform.env["WHALE_SIMULATOR_RATE"] = str(rate)
    found: dict[str, Any] = {}
    with run_broker(platform) as broker:
        for group in groups:
            names = ",".join(group)
            platform.env |= {"WHALE_EXCHANGES": names, "WHALE_SYMBOLS": ",".join(name_currencies(symbols, len(group)))}
            taken = []
            for number in range(rounds):
                tell(f"{names}: round {number + 1} of {rounds}, {trades:,} trades")
                taken.append(_measure_round(platform, folder / f"{'-'.join(group)}-{number}", broker, trades, rate))
            tell(f"{names}: measuring the stages apart")
            frames = ingest_stages.record_frames(_read_settings(platform, folder), min(trades, 100_000))
            found[names] = {"stages_us": ingest_stages.measure_stages(broker.bootstrap, frames), "rounds": taken}
    return {"trades": trades, "symbols": symbols, "rate_asked": rate, "ingesters": found}


def _read_settings(platform: Platform, home: Path) -> Settings:
    names = {name: platform.env[f"WHALE_{name.upper()}"] for name in ("source", "exchanges", "symbols")}
    return Settings.model_validate({"home": home, **names})


def _measure_round(platform: Platform, home: Path, broker: Settings, trades: int, rate: float) -> dict[str, Any]:
    home.mkdir()
    _create_topics(broker)
    exchanges = build_adapters(_read_settings(platform, home))
    env = {**platform.env, "WHALE_HOME": str(home), "WHALE_KAFKA_BOOTSTRAP": str(broker.bootstrap)}
    flood_words = ["-m", "whale_platform.bench.streaming.frame_flood", str(trades), str(rate)]
    flood = subprocess.Popen(
        [sys.executable, *flood_words], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with (home / "ingester.log").open("ab") as log:
        words = ["-m", "whale_platform.ingest"]
        ingester = subprocess.Popen([sys.executable, *words], env=env, stdin=subprocess.PIPE, stderr=log)
    reader = TopicReader(broker.bootstrap, "bench")
    try:
        _keep_apart(ingester.pid)
        wait_for("the ingester", lambda: _is_ready(home, ingester), every=0.2)
        assert flood.stdin is not None and flood.stdout is not None
        before = _read_usage(ingester.pid)
        flood.stdin.write("go\n")
        flood.stdin.flush()
        sent = json.loads(flood.stdout.readline())
        count = int(sent["sent"])
        growth = TopicGrowth()
        wait_for(
            "the topic",
            lambda: growth.read(_count_messages(reader), time.time()) + count_merged(home, exchanges) >= count,
            300,
            LOOK_S,
        )
        after = _read_usage(ingester.pid)
        time.sleep(SETTLE_S)
        memory_mb, numbers = read_memory_mb(ingester.pid), heartbeat.read_heartbeat(home, "ingester")
        seen, message_bytes = check_trades(_scan_trades(reader))
        if seen + (merged := count_merged(home, exchanges)) != count:
            raise TradesWrongError(f"{seen:,} trades of {count:,} are in the topic, and {merged:,} stand for others")
    finally:
        for process in (ingester, flood):
            process.terminate()
            process.wait()
        reader.close()
    used = {name: (after[name] - before[name]) / count for name in before}
    return {
        "trades": count,
        "frames_per_s": round(count / (growth.grown - sent["begun"])),
        "cpu_us": round(used["cpu_s"] * 1e6, 1),
        "switches": round(used["switches"], 3),
        "memory_mb": round(memory_mb, 1),
        "message_bytes": round(message_bytes, 1),
        "receive_to_produced_ms": numbers.numbers.get("receive_to_produced_p50") if numbers else None,
    }


class TopicGrowth:
    """How many messages there are, and when (epoch seconds) the newest of them was first seen."""

    def __init__(self) -> None:
        self.count, self.grown = 0, 0.0

    def read(self, count: int, now: float) -> int:
        """Note a look at the topic; `count`, as it was seen."""
        if count != self.count:
            self.count, self.grown = count, now
        return count


def count_merged(home: Path, exchanges: Sequence[Exchange]) -> int:
    """How many trades the ingester took for one that it had: two of an exchange without ids that are equal in all.

    0 where one of the exchanges shows earlier trades, since what comes twice may be one of those.
    """
    if any(one.shows_earlier for one in exchanges):
        return 0
    seen = heartbeat.read_heartbeat(home, "ingester")
    return 0 if seen is None else int(seen.numbers["duplicates"])


def _create_topics(broker: Settings) -> None:
    client = topics.create_admin(broker.bootstrap)
    present = [name for name in client.list_topics(timeout=60).topics if not name.startswith("__")]
    for future in client.delete_topics(present).values() if present else ():
        future.result(60)
    wait_for("the topics' end", lambda: not topics.describe_topics(broker.bootstrap, list(topics.BYTE_SHARES)), 60, 0.1)
    topics.create_topics(broker.bootstrap, partitions=PARTITIONS)
    wanted = len(topics.BYTE_SHARES)
    wait_for(
        "the topics", lambda: len(topics.describe_topics(broker.bootstrap, list(topics.BYTE_SHARES))) == wanted, 60, 0.1
    )


def _is_ready(home: Path, ingester: "subprocess.Popen[bytes]") -> bool:
    if ingester.poll() is not None:
        raise TradesWrongError(f"the ingester has ended:\n{(home / 'ingester.log').read_text()[-2000:]}")
    seen = heartbeat.read_heartbeat(home, "ingester")
    return seen is not None and seen.state == "ready"


def _keep_apart(pid: int) -> None:
    """Give the process a core of its own, where there are several."""
    cores = psutil.Process().cpu_affinity()
    if len(cores) < 2:
        return
    psutil.Process(pid).cpu_affinity(cores[:1])


def _read_usage(pid: int) -> dict[str, float]:
    process = psutil.Process(pid)
    times, switches = process.cpu_times(), 0
    for thread in process.threads():
        status = Path(f"/proc/{pid}/task/{thread.id}/status")
        switches += sum(int(line.split()[1]) for line in status.read_text().splitlines() if "_ctxt_switches" in line)
    return {"cpu_s": times.user + times.system, "switches": switches}


def _count_messages(reader: TopicReader) -> int:
    return sum(reader.bounds(RAW_TRADES, part)[1] for part in reader.list_partitions(RAW_TRADES))


def _scan_trades(reader: TopicReader) -> Iterator[tuple[str, bytes]]:
    for partition in reader.list_partitions(RAW_TRADES):
        for record in reader.scan(RAW_TRADES, partition, *reader.bounds(RAW_TRADES, partition)):
            yield (record.key or b"").decode(), record.value or b""


def check_trades(messages: Iterable[tuple[str, bytes]]) -> tuple[int, float]:
    """How many trades these messages (market, value) are, and their mean bytes.

    Raises TradesWrongError where an id comes twice, or one is missing that the exchange does not leave out.
    """
    last: dict[str, int] = defaultdict(int)
    known: dict[str, set[int | None]] = defaultdict(set)
    seen = size = 0
    for market, value in messages:
        number = peek_trade_id(value)
        if not peek_dense(value):
            if number in known[market]:
                raise TradesWrongError(f"{market}: trade {number} comes twice")
            known[market].add(number)
        elif number != last[market] + 1:
            raise TradesWrongError(f"{market}: trade {number} follows {last[market]}")
        else:
            last[market] = number
        seen, size = seen + 1, size + len(value)
    return seen, size / max(seen, 1)

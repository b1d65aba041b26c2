"""The ingester alone at line rate: the simulator's frames in, a real broker behind it, nothing else of the platform.

On a machine with several cores the ingester's process has one of them for itself. After a run the topic is read: every
market must have each id once and in order, else TradesWrongError.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from whale_platform.bench.harness.broker import run_broker
from whale_platform.bench.harness.markets import name_currencies
from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.bench.streaming import ingest_stages
from whale_platform.broker import topics
from whale_platform.broker.reader import TopicReader
from whale_platform.contracts.raw_trade_looks import peek_trade_id
from whale_platform.domain.names import RAW_TRADES
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat

PARTITIONS = 2
LOOK_S = 0.01
SETTLE_S = 1.0  # the offsets count the markers of transactions too, so a few trades may still be on their way


class TradesWrongError(Exception):
    """A trade is missing, doubled or out of order."""


def measure_ingest(
    folder: Path, trades: int, symbols: int, rate: float, rounds: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """{stages_us: by stage, rounds: [{frames_per_s, cpu_us, switches, …}]}, each of a frame.

    `rate` 0: as fast as the ingester reads. Raises TradesWrongError.
    """
    platform = Platform(folder)
    names = ",".join(name_currencies(symbols))
    platform.env |= {"WHALE_SOURCE": "simulator", "WHALE_SYMBOLS": names}
    if rate:
        platform.env["WHALE_SIMULATOR_RATE"] = str(rate)
    found: list[dict[str, Any]] = []
    with run_broker(platform) as settings:
        for number in range(rounds):
            tell(f"round {number + 1} of {rounds}: {trades:,} trades")
            found.append(_measure_round(platform, folder / f"home{number}", settings, trades, rate))
        tell("measuring the stages apart")
        generated = Settings.model_validate(
            {"home": folder, "source": "simulator", "symbols": names, "simulator_port": 1}
        )
        frames = ingest_stages.record_frames(generated, min(trades, 100_000))
        stages = ingest_stages.measure_stages(settings.bootstrap, frames)
    return {"trades": trades, "symbols": symbols, "rate_asked": rate, "stages_us": stages, "rounds": found}


def _measure_round(platform: Platform, home: Path, broker: Settings, trades: int, rate: float) -> dict[str, Any]:
    home.mkdir()
    _create_topics(broker)
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
        wait_for("the topic", lambda: _count_messages(reader) >= count, 300, LOOK_S)
        seconds = time.time() - sent["begun"]
        after = _read_usage(ingester.pid)
        time.sleep(SETTLE_S)
        numbers = heartbeat.read_heartbeat(home, "ingester")
        _check_topic(reader, count)
    finally:
        for process in (ingester, flood):
            process.terminate()
            process.wait()
        reader.close()
    used = {name: (after[name] - before[name]) / count for name in before}
    return {
        "trades": count,
        "frames_per_s": round(count / seconds),
        "cpu_us": round(used["cpu_s"] * 1e6, 1),
        "switches": round(used["switches"], 3),
        "receive_to_produced_ms": numbers.numbers.get("receive_to_produced_p50") if numbers else None,
    }


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


def _check_topic(reader: TopicReader, count: int) -> None:
    last: dict[bytes, int] = {}
    seen = 0
    for partition in reader.list_partitions(RAW_TRADES):
        for record in reader.scan(RAW_TRADES, partition, *reader.bounds(RAW_TRADES, partition)):
            key, number = record.key or b"", peek_trade_id(record.value or b"")
            if number != last.get(key, 0) + 1:
                raise TradesWrongError(f"{key.decode()}: trade {number} follows {last.get(key, 0)}")
            last[key] = number
            seen += 1
    if seen != count:
        raise TradesWrongError(f"{seen:,} trades of {count:,} are in the topic")

"""The services under kills, with Dagster beside them and without: Dagster shows them, and none depends on it.

What took how long (the aim is 30 s) is printed and kept in `WHALE_ARTEFACTS`, where that is set; no machine is so slow
that it may take ten times as long.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import psycopg2
import pytest

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.reader import TopicReader
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.supervision.control import service_commands
from whale_platform_tests.e2e.running.conftest import START, settings_of
from whale_platform_tests.e2e.running.dagster.webserver import launch, log, runs, terminate

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
WORKERS = ("ingester", "stream", "sink")
DAGSTER = ("dagster-code", "dagster-daemon", "dagster-web")
LONG_S = 900
RUNNING = ("ready", "degraded", "waiting")  # the second is what a machine too slow for the trades has


def services(platform: Platform) -> dict[str, dict[str, object]]:
    return dict(platform.status()["services"])


def pids(platform: Platform) -> dict[str, int]:
    """Of what runs; a stream's driver by a name of its own."""
    found = {
        name: int(str(one["pid"])) for name, one in services(platform).items() if one["state"] in RUNNING and one["pid"]
    }
    with contextlib.suppress(KeyError, StopIteration, psutil.Error):
        below = psutil.Process(found["stream"]).children(recursive=True)
        found["Spark driver"] = next(one.pid for one in below if "java" in one.name())
    return found


def workers(platform: Platform) -> dict[str, int]:
    found = pids(platform)
    return {name: found[name] for name in (*WORKERS, "Spark driver") if name in found}


def run_processes(platform: Platform) -> list[int]:
    """The processes that the code server has spawned, one for each run."""
    found = []
    for one in psutil.Process(pids(platform)["dagster-code"]).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "multiprocessing.spawn" in " ".join(one.cmdline()):
                found.append(one.pid)
    return found


def kill(platform: Platform, *names: str) -> float:
    """SIGKILL; seconds until everything is ready again and each of those pids has been followed by another."""
    before = pids(platform)
    begun = time.monotonic()
    for name in names:
        os.kill(before[name], signal.SIGKILL)

    def back() -> bool:
        now = pids(platform)
        return ready(platform) and now.keys() >= before.keys() and all(now[name] != before[name] for name in names)

    wait_for(f"{names} after kill -9", back, LONG_S, 0.2)
    return round(time.monotonic() - begun, 1)


def shifts(url: str) -> dict[str, str]:
    """The run at work of each service, once each has one exactly."""

    def each_one() -> dict[str, str] | None:
        found = [(one["jobName"], one["runId"]) for one in runs(url) if one["status"] == "STARTED"]
        found = [(job, run_id) for job, run_id in found if job in WORKERS]
        return dict(found) if sorted(job for job, _ in found) == sorted(WORKERS) else None

    return dict(wait_for("one shift of each service", each_one, LONG_S))


def ledger(platform: Platform) -> list[list[str]]:
    """Symbols whose windows do not hold every id once."""
    return platform.sql(
        "select exchange, symbol, max(last_trade_id) - min(first_trade_id) + 1, sum(trade_count) from trade_windows "
        "where exchange like 'sim%' group by 1, 2 "
        "having max(last_trade_id) - min(first_trade_id) + 1 <> sum(trade_count)"
    )


def settled(platform: Platform) -> Callable[[], bool]:
    return lambda: services(platform)["sink"].get("lag") == 0 and not ledger(platform)


@contextlib.contextmanager
def without_postgres(home: Path) -> Iterator[None]:
    """Whatever Postgres runs is killed, and none can start."""
    wrong = home / "postgres" / "postgresql.auto.conf"
    kept = wrong.read_text()
    wrong.write_text(f"{kept}\nno_such_setting = 1\n")
    try:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((home / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        yield
    finally:
        wrong.write_text(kept)


def grow(platform: Platform) -> None:
    """Wait until more trades have come in, and windows of them out."""
    kafka = KafkaCluster(platform.status()["urls"]["kafka"])
    reader = TopicReader(kafka, "whale-test")

    def ends() -> list[int]:
        return [sum(reader.bounds(topic, part)[1] for part in range(2)) for topic in (RAW_TRADES, TRADE_WINDOWS)]

    def grown() -> bool:
        return all(now > then + 200 for now, then in zip(ends(), before, strict=True))

    begins = (BrokerError,)  # the broker may have only just done so
    before = wait_for("the topics' ends", ends, LONG_S, meanwhile=begins)
    wait_for("trades and windows", grown, LONG_S, meanwhile=begins)
    reader.close()


def test_dagster_shows_the_services_and_keeps_none(platform: Platform, url: str) -> None:
    wait_for("everything", lambda: ready(platform), LONG_S)
    before, followed = workers(platform), shifts(url)
    assert set(before) == {*WORKERS, "Spark driver"}
    wait_for("the processes of other runs to end: a shift has none", lambda: not run_processes(platform), LONG_S)
    took = {"all of Dagster": kill(platform, *DAGSTER)}
    assert workers(platform) == before
    assert shifts(url) == followed, "the same shifts go on"

    age(platform, followed["stream"])
    wait_for("the next shift", lambda: shifts(url)["stream"] != followed["stream"], LONG_S)
    assert log(url, followed["stream"])[-1].startswith("The shift is over: a day is over; the service runs on")
    assert workers(platform) == before, "a shift's end ends nothing"

    terminate(url, shifts(url)["ingester"])
    wait_for("a new ingester", lambda: pids(platform).get("ingester") not in (None, before["ingester"]), LONG_S)
    wait_for("its shift", lambda: shifts(url)["ingester"] != followed["ingester"], LONG_S)

    for what in ("ingester", "Spark driver", "sink"):
        took[what] = kill(platform, what)
    report("seconds to be back after kill -9", took)
    for service, run_id in shifts(url).items():
        wait_for(f"what happened to the {service}", partial(ended, url, run_id), LONG_S)
        one_at_a_time(Path(platform.status()["home"]) / "run" / f"{service}.lease.log")


def ended(url: str, run_id: str) -> bool:
    """Whether the run's log tells of an end of its service."""
    return any(" backoff: ended " in line for line in log(url, run_id))


@pytest.mark.usefixtures("restored")
def test_neither_postgres_nor_dagster_is_needed_for_trades_and_whales(platform: Platform, url: str) -> None:
    home = Path(platform.status()["home"])
    wait_for("everything", lambda: ready(platform), LONG_S)
    before = workers(platform)
    with without_postgres(home):
        wait_for("Postgres to fail", lambda: services(platform)["postgres"]["state"] == "backoff", LONG_S)
        grow(platform)
        assert {name: pid for name, pid in workers(platform).items() if name != "sink"} == {
            name: pid for name, pid in before.items() if name != "sink"
        }
        assert "Postgres" in str(services(platform)["sink"]["detail"])
    wait_for("everything", lambda: ready(platform), LONG_S)
    assert workers(platform) == before, "the sink, too, has only waited"

    wait_for("the job to be launched", partial(launched, url, "ingester_stop"), LONG_S, 3)
    wait_for("the ingester's stop", lambda: services(platform)["ingester"]["state"] == "stopped", LONG_S)
    wait_for("every trade of every symbol in the windows", settled(platform), LONG_S)
    assert platform.sql("select count(*) from ingest_gaps where state = 'unrepaired'") == [["0"]]
    platform.stop()
    wait_for("every process to end", lambda: not platform.processes(), LONG_S)

    argv = [sys.executable, "-m", "whale_platform.cli", "up", "--detach", *START]
    with without_postgres(home):
        starting = subprocess.Popen(argv, env=platform.env, cwd=platform.base, stderr=subprocess.DEVNULL)
        wait_for("a supervisor", lambda: platform.status()["running"], LONG_S)
        wait_for("the stream", lambda: services(platform).get("stream", {}).get("state") == "ready", LONG_S)
        assert services(platform)["ingester"]["state"] == "stopped", "it stays stopped"
        assert "by run " in str(services(platform)["ingester"]["detail"])
        service_commands.complete_command(service_commands.start_service(home, "ingester", "the test"))
        grow(platform)
        assert services(platform)["postgres"]["state"] != "ready"
        assert services(platform)["sink"]["state"] == "waiting"
    wait_for("everything", lambda: ready(platform), LONG_S)
    starting.wait()
    shifts(url)


def launched(url: str, job: str) -> bool:
    """Whether the webserver launched it: each of its storages fails once by the connection that it still had."""
    try:
        launch(url, job)
    except urllib.error.HTTPError:
        return False
    return True


def ready(platform: Platform) -> bool:
    return all(one["state"] == "ready" for one in services(platform).values())


def age(platform: Platform, run_id: str) -> None:
    """Let a run have begun more than a day ago."""
    conn = psycopg2.connect(settings_of(platform).dagster_dsn_text())
    with conn, conn.cursor() as cursor:
        cursor.execute("update runs set start_time = start_time - 90000 where run_id = %s", (run_id,))
        assert cursor.rowcount == 1
    conn.close()


def one_at_a_time(path: Path) -> None:
    """The lock is the kernel's, so grants never overlap; of all that held it only the last is alive."""
    granted = [line.split() for line in path.read_text().splitlines() if line.endswith("granted")]
    holders = [int(words[3]) for words in granted]
    assert len(holders) == len(set(holders))
    assert [pid for pid in holders if psutil.pid_exists(pid)] == holders[-1:]


def report(what: str, figures: dict[str, float]) -> None:
    """Printed, and kept beside the screenshots."""
    print(f"{what}: {figures}")
    if folder := os.environ.get("WHALE_ARTEFACTS"):
        (Path(folder) / "kills.json").write_text(json.dumps({what: figures}, indent=2))

"""The stream service whose disks are full, the lake's and that of the checkpoints: nothing is lost or given up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from whale_platform.bench.harness.platform import wait_for
from whale_platform.settings import Settings
from whale_platform.stream.spark import archive
from whale_platform.supervision.runtime import exit_codes, heartbeat
from whale_platform_tests.stream.real_stream import Stream, lake_rows, produce, rows_of, totals, trade
from whale_platform_tests.stream.real_stream import expected as windows_of
from whale_platform_tests.support.kafka_server import KafkaServer as Kafka

pytestmark = pytest.mark.timeout(1800)
Begin = Callable[[str], Stream]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("WHALE_LAKE_TRIGGER_S", "0.5")
    return tmp_path / "lake" / "trades"


def test_a_full_disk_stops_the_lake_alone_and_loses_nothing(
    kafka: Kafka, stream: Begin, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_LAKE", str(small_disk))
    root = small_disk / "trades"
    archived = archive.find_archive(Settings().tools).read_options()
    running = stream("auto")
    first = [trade("A", number) for number in range(100)]
    produce(kafka.bootstrap, first)
    wait_for("the first trades", lambda: lake_rows(root) == rows_of(first))
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "ballast").write_bytes(b"x" * 9_000_000)
    second = [trade("A", number) for number in range(100, 300)]
    produce(kafka.bootstrap, second)

    def full() -> bool:
        said = heartbeat.read_heartbeat(running.home, "stream")  # on a slow machine the windows may be behind as well
        return said is not None and said.state == "degraded" and "lake" in said.detail and "No space" in said.detail

    wait_for("the service to say so", full)
    assert running.process is not None and running.process.poll() is None
    (small_disk / "ballast").unlink()
    wait_for("the rest", lambda: lake_rows(root) == rows_of(first + second))
    wait_for("the service to take it back", lambda: not full())
    listed = archive.ListedClasses(running.home)  # of which the fixture has the archive made, for the next stream
    assert archived or (listed.classpath.exists() and listed.classes.stat().st_size > 100_000)


@pytest.mark.parametrize("small_disk", [32], indirect=True)
def test_windows_are_exact_after_their_checkpoints_disk_was_full(
    kafka: Kafka, stream: Begin, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_STREAM_TRIGGER", "5 seconds")  # checkpoints that soon fail
    (tmp_path / "checkpoints").symlink_to(small_disk)
    first, second, third = (
        [trade(symbol, number) for number in range(start, start + 500) for symbol in ("A", "B")]
        for start in (0, 500, 1000)
    )
    archived = archive.find_archive(Settings().tools).read_options()  # of what the stream of the test before has listed
    running = stream("realtime")
    produce(kafka.bootstrap, first)
    wait_for("the first trades", lambda: totals(kafka.bootstrap) == windows_of(first))
    if archived:  # not where this test runs alone, nor where there was too little memory to make it
        assert any("spark.jsa" in Path(f"/proc/{one.pid}/maps").read_text() for one in running.processes())
        assert not archive.ListedClasses(running.home).classes.exists(), "it lists nothing"
    with pytest.raises(OSError, match="No space left"), (small_disk / "ballast").open("wb") as ballast:
        while True:
            ballast.write(b"x" * 100_000)
            ballast.flush()
    produce(kafka.bootstrap, second)

    def ended() -> bool:
        assert running.process is not None
        if (code := running.process.poll()) is None:
            return False
        assert code not in (exit_codes.CLEAN, exit_codes.BLOCKED)
        running.start()  # as the supervisor does
        return True

    for _ in range(2):
        wait_for("a life to end for want of space", ended)
    assert "No space left on device" in (running.home / "stream.log").read_text()

    (small_disk / "ballast").unlink()
    produce(kafka.bootstrap, third)

    def exact() -> bool:
        ended()
        return totals(kafka.bootstrap) == windows_of(first + second + third)

    wait_for("all of them", exact)
    assert not list((small_disk / "archive").glob("*")), "none was given up"

"""The frame around a service: what a heartbeat outlives."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from structlog.testing import capture_logs

from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform.supervision.runtime.runner import ServiceContext, _write_heartbeats
from whale_platform_tests.support.small_disks import fill_disk


def test_beats_go_on_after_one_that_could_not_be_written(tmp_path: Path) -> None:
    """As on a disk that is full for a moment: an end of all beats would get a healthy service killed."""
    tried, ended = [0], threading.Event()

    def count() -> None:
        tried[0] += 1

    context = ServiceContext(Settings(home=tmp_path), Heartbeat("sink"), structlog.get_logger(), before_heartbeat=count)
    (tmp_path / "run").write_text("in the way")
    context.report_state("starting", "as well as can be told")
    with capture_logs() as said:
        beater = threading.Thread(target=_write_heartbeats, args=(context, ended))
        beater.start()
        try:
            _until(lambda: tried[0] >= 2)
            (tmp_path / "run").unlink()
            _until(lambda: heartbeat.read_heartbeat(tmp_path, "sink") is not None)
        finally:
            ended.set()
            beater.join()
    assert [line["event"] for line in said] == ["no beat"], "once, and not each second"


def test_progress_is_still_seen_while_the_disk_is_full(small_disk: Path) -> None:
    """None seen for half a minute would get every service killed, again and again."""
    mine = Heartbeat("sink")
    heartbeat.write_heartbeat(small_disk, mine)
    fill_disk(small_disk)
    for count in (1, 20_000, 3):
        mine.progress["main"] = count
        heartbeat.write_heartbeat(small_disk, mine)
        found = heartbeat.read_heartbeat(small_disk, "sink")
        assert found is not None and found.progress == {"main": count}


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)

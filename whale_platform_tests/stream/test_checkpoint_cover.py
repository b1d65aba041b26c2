"""When the copy of the whales' query runs: before a checkpoint, until the query has read on, never for long."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from py4j.protocol import Py4JError

from whale_platform.stream import checkpoint_cover
from whale_platform.stream.checkpoint_cover import CheckpointCover
from whale_platform.stream.monitoring.lag import QueryLag
from whale_platform_tests.stream.fakes import Query

EVERY_S = 120.0
CALM, LATE = QueryLag(0, 0.0), QueryLag(5_000, 30.0)


class Watched:
    """A cover on a clock that the test moves, beside a query whose batch and offsets the test sets."""

    def __init__(self, home: Path, fails: bool = False) -> None:
        self.copies: list[Query] = []
        self.folders: list[Path] = []
        self.now, self.batch, self.end, self.out, self.lag = 0.0, 0, 100, 100, CALM
        self.reads = self.room = True
        self._fails = fails
        self.cover = CheckpointCover(
            self._start, lambda _: self.reads, lambda: self.room, home, EVERY_S, structlog.get_logger()
        )

    def _start(self, folder: Path) -> Any:
        assert not folder.exists(), "what an earlier copy left is of no use"
        folder.mkdir(parents=True)
        self.folders.append(folder)
        if self._fails:
            raise Py4JError("no room")
        self.copies.append(Query())
        return self.copies[-1]

    def run(self, seconds: float) -> None:
        """Look once a second, and let what that begins end before the next look."""
        for _ in range(int(seconds)):
            self.now += 1
            self.cover.update(self.now, self.batch, self.lag, {0: self.end}, {0: self.out})
            for thread in threading.enumerate():
                if thread.name == "checkpoint-cover":
                    thread.join()

    @property
    def running(self) -> int:
        return sum(copy.isActive for copy in self.copies)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.cover.stop()
    assert not made.running and not any(folder.exists() for folder in made.folders)


def test_the_copy_runs_from_shortly_before_a_checkpoint_until_the_query_has_read_on(watched: Watched) -> None:
    watched.run(EVERY_S - checkpoint_cover.EARLY_S)
    assert not watched.copies
    watched.run(1)
    assert watched.running == 1
    watched.run(checkpoint_cover.EARLY_S + 5)
    assert watched.running == 1, "the checkpoint is not over"
    watched.batch, watched.end = 1, 130
    watched.run(checkpoint_cover.REST_S + 10)
    assert (watched.running, watched.cover.covered) == (1, 0), "the query has not read what came meanwhile"
    watched.out, watched.end = 130, 150
    watched.run(1)
    assert (watched.running, watched.cover.covered, len(watched.copies)) == (0, 1, 1)
    assert not watched.folders[0].exists()


def test_each_checkpoint_is_covered_anew(watched: Watched) -> None:
    for number in range(1, 6):
        watched.run(EVERY_S - checkpoint_cover.REST_S - 2)
        assert watched.running == 1
        watched.batch = number
        watched.run(checkpoint_cover.REST_S)
        assert (watched.running, watched.cover.covered) == (1, number - 1), "a cluster may not yet say who reads"
        watched.run(2)
        assert (watched.running, watched.cover.covered) == (0, number)


def test_a_query_that_is_behind_gets_no_copy_beside_it(watched: Watched) -> None:
    watched.lag = LATE
    watched.run(2 * EVERY_S)
    assert not watched.copies


def test_a_checkpoint_that_comes_unexpectedly_is_the_beginning_of_the_next_interval(watched: Watched) -> None:
    watched.run(60)
    watched.batch = 1
    watched.run(EVERY_S - checkpoint_cover.EARLY_S)
    assert not watched.copies
    watched.run(2)
    assert watched.running == 1


def test_a_checkpoint_that_does_not_come_ends_the_copy_until_the_next_is_due(watched: Watched) -> None:
    watched.run(EVERY_S + checkpoint_cover.LATE_S - 2)
    assert watched.running == 1
    watched.run(4)
    assert (watched.running, watched.cover.covered, len(watched.copies)) == (0, 0, 1)
    watched.run(EVERY_S - checkpoint_cover.EARLY_S)
    assert len(watched.copies) == 2


def test_a_copy_that_does_not_start_leaves_the_query_alone(tmp_path: Path) -> None:
    watched = Watched(tmp_path, fails=True)
    watched.run(EVERY_S - 1)
    watched.batch = 1
    watched.run(2)
    assert (watched.running, watched.cover.covered, bool(watched.folders)) == (0, 0, True)
    watched.cover.stop()


def test_a_copy_that_ends_by_itself_covers_nothing_and_none_follows_it_at_once(watched: Watched) -> None:
    watched.run(EVERY_S - 5)
    watched.copies[0].isActive = False
    watched.run(3)
    watched.batch = 1
    watched.run(20)
    assert (watched.cover.covered, len(watched.copies)) == (0, 1)
    watched.run(EVERY_S - 22)
    assert watched.running == 1


def test_a_copy_that_does_not_read_before_the_checkpoint_is_over_covers_nothing(watched: Watched) -> None:
    watched.reads = False
    watched.run(EVERY_S - 1)
    assert watched.running == 1
    watched.batch, watched.reads = 1, True
    watched.run(2)
    assert (watched.running, watched.cover.covered) == (0, 0)


def test_a_query_that_takes_long_to_read_on_ends_the_copy(watched: Watched) -> None:
    watched.run(EVERY_S - 1)
    watched.batch, watched.end = 1, 130
    watched.run(checkpoint_cover.LATE_S)
    assert watched.running == 1
    watched.run(2)
    assert (watched.running, watched.cover.covered) == (0, 0)


def test_no_copy_starts_without_task_slots(watched: Watched) -> None:
    watched.room = False
    watched.run(EVERY_S - 5)
    assert not watched.copies
    watched.room = True
    watched.run(1)
    assert watched.running == 1

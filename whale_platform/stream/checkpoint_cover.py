"""Covers the whales' pause at a checkpoint: a second copy of the query runs around it, and is ended afterwards.

Real-time mode emits nothing while a checkpoint is taken and the next batch is planned, 0.2 to 0.8 s on two cores, more
on a slow machine. The copy begins shortly before, at the topic's end, and emits what comes meanwhile; then the query
itself reads the same trades, so whatever becomes of the copy, no alert depends on it: it has no checkpoint that anybody
reads, and alerts are idempotent. Two copies for good would cost the reading of every trade twice.

Without task slots for the copy the pause is as long as it was. So it is where the copy does not start, is late or
fails, which the log says. Only a checkpoint over which it has read counts as covered.
"""

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql.streaming import StreamingQuery

from whale_platform.stream.monitoring.lag import PartitionOffsets, QueryLag

FOLDER = "cover"
EARLY_S = 10.0  # it is started so long before the checkpoint is due: planned and reading well before
REST_S = 5.0  # and goes on for so long at least once that is over, since a cluster does not say at once who reads
LATE_S = 60.0  # it is ended where the checkpoint, or the reading after it, takes longer
KEEPS_UP_S = 2.0  # the oldest trade that the query has not read is no older
SHORTEST_S = 60.0  # checkpoints that are closer to one another are not to be covered

StartCopy = Callable[[Path], StreamingQuery]


class CheckpointCover:
    """Call `update` about once a second while the whales' query runs in real time.

    `start(folder)` begins the copy with its checkpoint in `folder`; `is_reading(copy)`: whether its tasks run;
    `has_room()`: whether there are task slots for it; `every_s`: seconds between checkpoints. `covered` counts the
    checkpoints over which a copy has read.
    """

    def __init__(
        self,
        start: StartCopy,
        is_reading: Callable[[StreamingQuery], bool],
        has_room: Callable[[], bool],
        home: Path,
        every_s: float,
        log: Any,
    ) -> None:
        self._start, self._is_reading, self._has_room = start, is_reading, has_room
        self._folder, self._every_s, self._log = home.absolute() / "stream" / FOLDER, every_s, log
        self._copy: StreamingQuery | None = None
        self._reads = False  # whether the copy was seen to read
        self._work: threading.Thread | None = None
        self._batch: int | None = None
        self._due: float | None = None  # when the next checkpoint is to be expected
        self._over = 0.0  # when the last one was seen to be over
        self._target: PartitionOffsets | None = None  # what the query is to have read before the copy ends
        self.covered = 0

    def update(
        self, now: float, batch: int | None, lag: QueryLag, ends: PartitionOffsets, out: PartitionOffsets
    ) -> None:
        """`batch`: the last one that the query's checkpoint has; `out`: the offsets up to which it has emitted.

        now: monotonic seconds; ends: {partition: next offset} of the topic.
        """
        if self._work is not None and self._work.is_alive():
            return
        # 1. A batch begins: the query has just been started, or a checkpoint is over, which the copy has covered if it
        #    read before.
        if self._due is None or batch != self._batch:
            self._batch, self._due, self._over = batch, now + self._every_s, now
            if self._copy is not None and not self._reads:
                self._give_up("it was not reading when the checkpoint was taken")
            elif self._copy is not None:
                self._target = dict(ends)
        # 2. The copy goes on until the query has read what came before it was seen to be over.
        elif self._target is not None:
            if now > self._over + LATE_S:
                self._give_up("the query takes long to read on")
            elif now >= self._over + REST_S and all(out.get(part, 0) >= end for part, end in self._target.items()):
                self.covered += 1
                self._run(self._end)
        # 3. The checkpoint is near: the copy is started, where the query keeps up and there is room.
        elif self._copy is None:
            near = self._due - EARLY_S <= now < self._due
            if near and lag.seconds is not None and lag.seconds < KEEPS_UP_S and self._has_room():
                self._run(self._begin)
        # 4. The copy waits for the checkpoint; one that has ended, or to which none comes, is given up until the next.
        elif (ended := not self._copy.isActive) or now > self._due + LATE_S:
            self._due += self._every_s
            self._give_up("it has ended" if ended else "the query takes long for its checkpoint")
        else:
            self._reads = self._reads or self._is_reading(self._copy)

    def stop(self) -> None:
        """End the copy, if there is one."""
        if self._work is not None:
            self._work.join()
        self._end()

    def _run(self, work: Callable[[], None]) -> None:
        self._work = threading.Thread(target=work, name="checkpoint-cover", daemon=True)
        self._work.start()

    def _begin(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._copy = self._start(self._folder)
        except (PySparkException, Py4JError, OSError) as error:
            self._due = (self._due or 0.0) + self._every_s
            self._give_up(f"it did not start: {str(error).splitlines()[0]}")

    def _give_up(self, why: str) -> None:
        self._log.warning("the whales' checkpoint is not covered by a copy of their query", why=why)
        if self._copy is not None:
            self._run(self._end)

    def _end(self) -> None:
        copy, self._copy, self._target, self._reads = self._copy, None, None, False
        if copy is not None:
            with suppress(PySparkException, Py4JError):
                copy.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

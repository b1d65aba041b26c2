"""Covers the whales' pause at a checkpoint: a second copy of the query runs around it, and is ended afterwards.

Real-time mode emits nothing while a checkpoint is taken and the next batch is planned, 0.2 to 0.8 s on two cores, more
on a slow machine. The copy begins shortly before, at the topic's end, and emits what comes meanwhile; then the query
itself reads the same trades, so whatever becomes of the copy, no alert depends on it: it has no checkpoint that anybody
reads, and alerts are idempotent. Two copies for good would cost the reading of every trade twice.

Where the copy does not start, is late or fails, the pause is as long as it was, which the log says.
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
LATE_S = 60.0  # a checkpoint that is not over so long after it was due is waited for without the copy
KEEPS_UP_S = 2.0  # the oldest trade that the query has not read is no older
SHORTEST_S = 60.0  # checkpoints that are closer to one another are not covered

StartCopy = Callable[[Path], StreamingQuery]


class CheckpointCover:
    """Call `update` about once a second while the whales' query runs in real time.

    `start(folder)` begins the copy with its checkpoint in `folder`; `every_s`: seconds between checkpoints. `covered`
    counts the checkpoints over which a copy ran.
    """

    def __init__(self, start: StartCopy, home: Path, every_s: float, log: Any) -> None:
        self._start, self._folder, self._every_s, self._log = start, home.absolute() / "stream" / FOLDER, every_s, log
        self._copy: StreamingQuery | None = None
        self._work: threading.Thread | None = None
        self._batch: int | None = None
        self._due: float | None = None  # when the next checkpoint is to be expected
        self._target: PartitionOffsets | None = None  # what the query is to have read before the copy ends
        self.covered = 0

    def update(
        self, now: float, batch: int | None, lag: QueryLag, ends: PartitionOffsets, out: PartitionOffsets
    ) -> None:
        """`batch`: the last one that the query's checkpoint has; `out`: the offsets up to which it has emitted.

        now: monotonic seconds; ends: {partition: next offset} of the topic.
        """
        if self._every_s < SHORTEST_S or (self._work is not None and self._work.is_alive()):
            return
        # 1. A batch begins: the query has just been started, or a checkpoint is over.
        if self._due is None or batch != self._batch:
            self._batch, self._due = batch, now + self._every_s
            self._target = dict(ends) if self._copy is not None else None
        # 2. The copy goes on until the query has read what came before it was seen to be over.
        elif self._target is not None:
            if all(out.get(part, 0) >= end for part, end in self._target.items()):
                self._target = None
                self.covered += 1
                self._run(self._end)
        # 3. The checkpoint is near: the copy is started, where the query keeps up.
        elif self._copy is None:
            if self._due - EARLY_S <= now < self._due and lag.seconds is not None and lag.seconds < KEEPS_UP_S:
                self._run(self._begin)
        # 4. No checkpoint comes: the copy would read every trade twice for nothing.
        elif now > self._due + LATE_S:
            self._log.warning("the whales' query takes long for its checkpoint, the copy is ended", batch=batch)
            self._due = now + self._every_s
            self._run(self._end)

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
            self._log.warning("the copy of the whales' query did not start", error=str(error).splitlines()[0])
            self._due = None if self._due is None else self._due + self._every_s  # the next one, then

    def _end(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            with suppress(PySparkException, Py4JError):
                copy.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

"""The ingester's housekeeping, on a thread of its own since all of it may have to wait for a full producer.

Every `TICK_S`: gaps that hold trades back too long are let go. Every hour: the writer's name is registered again.
About every `SAVE_S`: the positions file. Its offsets are read before the symbols' positions and it is written once all
that those positions say has been delivered: so reading the topic from these offsets on can only repeat what is known,
never miss anything.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whale_platform.broker.errors import BrokerError, ProducerStoppedError
from whale_platform.contracts.raw_trade import encode_trade
from whale_platform.ingest.background_thread import BackgroundThread
from whale_platform.ingest.publishing.delivery import NextOffsets
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.recovery import positions_file as files
from whale_platform.ingest.recovery.positions_file import Positions, SymbolPosition
from whale_platform.ingest.recovery.share import Share
from whale_platform.ingest.recovery.startup_scan import StartupState
from whale_platform.ingest.sequencing.sparse_sequencer import SAVED

TICK_S = 0.25
SAVE_S = 2.0
REGISTER_S = 3600.0


@dataclass(slots=True)
class _Draft:
    positions: Positions
    sent: list[list[int]]


class PositionSaver:
    """Writes the positions file. `step` often; it does what is due."""

    def __init__(
        self, path: Path, share: Share, learned: StartupState, pipelines: Sequence[Pipeline], ends: NextOffsets
    ) -> None:
        self._path = path
        self._share = share
        self._learned = learned
        self._pipelines = pipelines
        self._ends = ends
        self._draft: _Draft | None = None
        self._texts: files.SavedTexts = {}
        self._next_at = 0.0
        ours = {f"{one.exchange.name}:{symbol}" for one in pipelines for symbol in one.lines}
        self._others: Mapping[str, SymbolPosition] = {
            name: SymbolPosition(begin.next_id - 1, begin.gaps, begin.newest_time, begin.latest)
            for name, begin in learned.starts.items()
            if name not in ours and begin.next_id is not None
        } | {
            name: SymbolPosition(begin.recent[-1][0], [], begin.newest_time, 0, tuple(begin.recent[-SAVED:]))
            for name, begin in learned.starts.items()
            if name not in ours and begin.recent
        }
        self._others_held = {
            name: [encode_trade(one).decode() for one in begin.held]
            for name, begin in learned.starts.items()
            if name not in ours and begin.next_id is None and begin.held
        }

    def step(self) -> None:
        """Draft when it is time, write when the draft has become true. Raises OSError where the disk refuses."""
        if self._draft is None and time.monotonic() >= self._next_at:
            self._draft = self._new_draft()
        if self._draft is not None and self._is_delivered(self._draft):
            draft, self._draft = self._draft, None
            self._next_at = time.monotonic() + SAVE_S
            files.save_positions(self._path, draft.positions, self._texts)

    def save_last(self) -> bool:
        """Write once more, after everything was flushed; False where the file stays as it is."""
        draft = self._new_draft()
        if draft is None or not self._is_delivered(draft):
            return False
        files.save_positions(self._path, draft.positions, self._texts)
        return True

    def _new_draft(self) -> _Draft | None:
        offsets = dict(self._ends.next_offsets)
        places, held = dict(self._others), dict(self._others_held)
        for pipeline in self._pipelines:
            known = pipeline.build_positions()
            if known is None:
                return None
            places.update(known)
            held.update(pipeline.encode_held_trades())
        positions = Positions(self._learned.cluster_id, self._learned.topic_id, offsets, places, str(self._share), held)
        return _Draft(positions, [pipeline.count_sent() for pipeline in self._pipelines])

    def _is_delivered(self, draft: _Draft) -> bool:
        return all(
            done >= sent
            for pipeline, wanted in zip(self._pipelines, draft.sent, strict=True)
            for done, sent in zip(pipeline.count_delivered(), wanted, strict=True)
        )


class Housekeeper(BackgroundThread):
    """The thread. `start`; ends when `stop` is set or the producer takes nothing more."""

    def __init__(
        self,
        pipelines: Sequence[Pipeline],
        saver: PositionSaver,
        register: Callable[[], None],
        stop: threading.Event,
        log: Any,
    ) -> None:
        """`register` may raise BrokerError: it is called again an hour later."""
        self._pipelines = pipelines
        self._saver = saver
        self._register = register
        self._register_at = time.monotonic() + REGISTER_S
        self._stop = stop
        self._log = log
        super().__init__("keeper")

    def _run(self) -> None:
        try:
            while not self._stop.wait(TICK_S):
                for pipeline in self._pipelines:
                    pipeline.tick(time.time_ns() // 1000)
                try:
                    self._saver.step()
                except OSError as full:
                    self._log.error("the positions file can't be written; the next start reads more", reason=str(full))
                if time.monotonic() >= self._register_at:
                    self._register_at = time.monotonic() + REGISTER_S
                    with suppress(BrokerError):
                        self._register()
        except ProducerStoppedError:
            return

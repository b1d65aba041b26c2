"""A query whose checkpoint is useless restarts with a fresh one by itself; what it lost with it stands in the ledger.

The steps: the record of what happened is written into the checkpoint's folder, the folder is moved to the archive, the
record is published to the topic `stream_losses` (the sink stores it in the table of that name), and only then marked
as published. A kill between any two of them is made good at the next start, under the same key. The query then reads
the topic from its start, which is harmless: windows only grow, whales are stored once, the lake knows its offsets.

An error that comes back soon after is a fault that no fresh checkpoint mends: the next archive then waits, longer each
time, while the other queries run on. The archived records are the memory of that. A checkpoint of another Kafka
cluster is never touched: `ForeignCheckpointError` says that WHALE_KAFKA_BOOTSTRAP is wrong.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from whale_platform.broker import topics
from whale_platform.broker.connection_errors import explain_unavailable
from whale_platform.broker.errors import BrokerError, ProducerStoppedError
from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts import stream_loss
from whale_platform.domain.names import STREAM_LOSSES
from whale_platform.settings import Settings
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder
from whale_platform.stream.errors import CheckpointMismatchError
from whale_platform.stream.query import checkpoints, diagnosis
from whale_platform.stream.query.checkpoints import CheckpointLabel
from whale_platform.stream.query.queries import SourceTopic
from whale_platform.supervision.policy.backoff import RestartBackoff, ServiceLifetime

RECORD_FILE = "healed.json"
RECOVERY_BACKOFF = RestartBackoff(first_s=30.0, cap_s=600.0, healthy_after_s=1_800.0)
STUCK_FAILURES = 5  # failures in a row of one kind that nothing else explains, without a batch between them
SHOWN_S = 3_600.0
PUBLISH_S = 15.0


@dataclass(frozen=True, slots=True)
class RecoveryRecord:
    """One restart of a query with a fresh checkpoint. `at`: microseconds since 1970; `lost`: rows for the ledger."""

    query: str
    at: int
    reason: str
    lost: list[dict[str, Any]]
    published: bool = False

    @property
    def sentence(self) -> str:
        """For people: what happened and what it cost."""
        when = datetime.fromtimestamp(self.at / 1e6, UTC)
        gone = [row["detail"] for row in self.lost if row["cause"] != "none"]
        cost = "; ".join(gone) if gone else "nothing was lost"
        return (
            f"query {self.query} restarted with a fresh checkpoint at {when:%Y-%m-%d %H:%M:%S} UTC: "
            f"{self.reason.rstrip('.')}; {cost}"
        )


class QueryRecovery:
    """For all queries of one stream service. Not thread-safe. `inspect_source` is `queries.inspect_source`."""

    def __init__(
        self,
        settings: Settings,
        log: Any,
        locate: Callable[[], SourceTopic | None],
        send: Callable[[Settings, Iterable[dict[str, Any]]], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`send(settings, rows)` is `publish_losses`."""
        self._settings, self._log, self.inspect_source, self._send, self._now = settings, log, locate, send, now
        self._trouble: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        self._history = list_recoveries(settings.stream_home)

    @property
    def trouble(self) -> str:
        """What stands still now and when it is tried again; empty where nothing does."""
        return "; ".join(self._trouble.values())

    def is_suspended(self, query: str) -> bool:
        """Whether that query is left as it failed."""
        return query in self._trouble

    def clear_failure(self, query: str) -> None:
        """That query runs again, whatever was the matter."""
        self._trouble.pop(query, None)
        self._reasons.pop(query, None)

    @property
    def recent_recoveries(self) -> str:
        """The restarts within the last hour, the newest of each query, for `whale status`; empty where nothing."""
        since = (self._now() - SHOWN_S) * 1e6
        newest = {record.query: record for record in self._history if record.at >= since}
        return "; ".join(record.sentence for record in newest.values())

    def prepare(self, labels: Iterable[CheckpointLabel], place: SourceTopic) -> dict[str, Folder]:
        """{query: folder to hand to Spark}, each fit, or fresh.

        Raises ForeignCheckpointError, before anything is changed, where one belongs to another Kafka cluster.
        """
        wanted = list(labels)
        for label in wanted:
            checkpoints.refuse_foreign_checkpoint(self._settings.stream_home, label)
        prepared = {label.query: self._prepare_checkpoint(label, place) for label in wanted}
        for path in prepared.values():
            (path / RECORD_FILE).unlink(missing_ok=True)  # a kill came before the archive, and now it fits
        self.publish()
        return prepared

    def _prepare_checkpoint(self, label: CheckpointLabel, place: SourceTopic) -> Folder:
        try:
            return checkpoints.prepare_folder(self._settings.stream_home, label, place.earliest, place.ends)
        except CheckpointMismatchError as unfit:
            self.restart_fresh(label, place, str(unfit))
        return checkpoints.prepare_folder(self._settings.stream_home, label, place.earliest, place.ends)

    def handle_failure(self, label: CheckpointLabel, error: str) -> bool:
        """Judge a query's end by its error's whole trace; whether it may be started again now.

        A damaged checkpoint is archived, unless that was done a moment ago: then `trouble` says until when it is
        left as it is, and False is returned. Ask again until it is True.
        """
        reason = (
            self._reasons.pop(label.query, None)
            or diagnosis.classify_failure(error)
            or self._explain_repeated_failure(label, error)
        )
        if reason is None:
            return True
        if (left := self._compute_wait_s(label.query)) > 0:
            again = datetime.fromtimestamp(self._now() + left, UTC)
            self._trouble[label.query] = (
                f"query {label.query} failed again right after it had restarted with a fresh checkpoint: {reason}; "
                f"it is tried again at {again:%H:%M:%S} UTC, the other queries run on"
            )
            self._reasons[label.query] = reason  # asked again, this is the same failure and not another
            return False
        self._trouble.pop(label.query, None)
        try:
            place = self.inspect_source()
        except BrokerError:
            place = None
        if place is None:
            return True  # what is lost can't be told now; the next start fails in the same way and asks again
        if place.cluster_id == label.cluster_id:
            try:
                self.restart_fresh(label, place, f"{reason[0].upper()}{reason[1:]}.")
                self.publish()
            except OSError as full:
                self._log.error("the checkpoint can't be archived, it is tried again", error=str(full))
        return True

    def restart_fresh(
        self, label: CheckpointLabel, place: SourceTopic, reason: str, position: Mapping[int, int] | None = None
    ) -> None:
        """Archive the checkpoint of `label` with the record of what is lost. Raises OSError on a full disk.

        `position`: {partition: next offset} it had come to, where the checkpoint is not who knows that best.
        """
        home = self._settings.stream_home
        path = checkpoints.checkpoint_folder(home, label.query, label.mode, label.version)
        if not path.exists():
            return
        old = checkpoints.inspect_checkpoint(path).label
        topic_id = old.topic_id if old is not None else label.topic_id
        known = checkpoints.read_position(path) if position is None else position
        lost = diagnosis.find_losses(known, topic_id == place.topic_id, place.earliest, place.ends)
        at = int(self._now() * 1e6)
        # 1. What happened, into the folder itself, so that it can't be archived without.
        record = RecoveryRecord(
            label.query, at, reason, [_build_loss_row(label.query, topic_id, at, reason, one) for one in lost]
        )
        folders.write_json(path / RECORD_FILE, asdict(record))
        # 2. Out of Spark's way.
        kept = checkpoints.archive_folder(home, path)
        self._history = list_recoveries(home)
        self._log.error(
            "the query restarts", query=label.query, reason=reason, kept=str(kept), lost=_describe_losses(lost)
        )

    def publish(self) -> None:
        """Publish the losses that are not in the ledger yet; while the broker is unavailable it stays for the next
        time."""
        found = [(path, record) for path, record in _read_records(self._settings.stream_home) if not record.published]
        if not found:
            return
        # 3. To the ledger, under keys that are the same when it is sent twice.
        try:
            self._send(self._settings, [row for _, record in found for row in record.lost])
        except (BrokerError, ProducerStoppedError) as error:
            self._log.warning("the losses can't be published yet", error=str(error))
            return
        # 4. Done; sent again where a kill comes before this.
        for path, record in found:
            _mark_published(path, record)

    def _compute_wait_s(self, query: str) -> float:
        """Seconds until the next archive of `query` is due."""
        times = [record.at / 1e6 for record in self._history if record.query == query]
        now = self._now()
        lives = [ServiceLifetime(start, end, None) for start, end in pairwise([0.0, *times, now])]
        return (
            times[-1] + RECOVERY_BACKOFF.compute_delay_s(lives) - now
            if RECOVERY_BACKOFF.count_short_lives(lives)
            else 0.0
        )

    def _explain_repeated_failure(self, label: CheckpointLabel, error: str) -> str | None:
        """Count the failures that nothing explains; the reason once there are too many without a batch between."""
        if diagnosis.is_environmental(error):
            return None
        path = self._settings.stream_home / "stream" / "failures.json"
        batch = checkpoints.inspect_checkpoint(
            checkpoints.checkpoint_folder(self._settings.stream_home, label.query, label.mode, label.version)
        ).batch
        try:
            before = json.loads(path.read_text())
            same = before[label.query]["batch"] == batch
            count = before[label.query]["count"] + 1 if same else 1
        except (OSError, ValueError, LookupError, TypeError):
            before, count = {}, 1
        with suppress(OSError):
            folders.write_json(path, {**before, label.query: {"batch": batch, "count": count % STUCK_FAILURES}})
        return f"it failed {count} times at the same batch" if count >= STUCK_FAILURES else None


def publish_losses(settings: Settings, rows: Iterable[dict[str, Any]]) -> None:
    """Publish rows of the ledger, each once under its key. Raises BrokerError, ProducerStoppedError."""
    topics.create_topics(
        settings.bootstrap, settings.topic_partitions, settings.topic_replication, settings.topic_min_insync
    )
    producer = TradeProducer(settings.bootstrap, "whale-healing")
    try:
        for row in rows:
            producer.send(STREAM_LOSSES, stream_loss.encode_loss_key(row), stream_loss.encode_loss(row))
    finally:
        left = producer.close(PUBLISH_S)
    if left or producer.fatal:
        raise ProducerStoppedError(producer.fatal or explain_unavailable(settings.bootstrap))


def list_recoveries(home: Folder) -> list[RecoveryRecord]:
    """Return each restart of a query of this home with a fresh checkpoint, as far as its archive goes, the oldest
    first."""
    return sorted((record for _, record in _read_records(home)), key=lambda record: record.at)


def _read_records(home: Folder) -> list[tuple[Folder, RecoveryRecord]]:
    found = []
    archive = home / "checkpoints" / "archive"
    for path in (archive / name / RECORD_FILE for name in folders.list_names(archive)):
        with suppress(OSError, ValueError, TypeError):
            found.append((path, RecoveryRecord(**json.loads(path.read_text()))))
    return found


def _mark_published(path: Folder, record: RecoveryRecord) -> None:
    folders.write_json(path, {**asdict(record), "published": True})


def _build_loss_row(query: str, topic_id: str, at: int, reason: str, lost: diagnosis.LostOffsets) -> dict[str, Any]:
    return stream_loss.build_loss(
        query, topic_id, lost.partition, lost.first, lost.last, lost.cause, f"{lost}. {reason}", at
    )


def _describe_losses(lost: Iterable[diagnosis.LostOffsets]) -> str:
    return "; ".join(map(str, lost))

"""Restores an hour of the lake from Kafka, where a file is damaged or rows are missing, as long as Kafka has them.

What the lake still has is kept, each trade once. What the stream has yet to bring is left to it: it appends what lies
after the table's own offsets, whatever else is there, and would bring those trades a second time. If Kafka and the
readable files together have fewer trades than the table says it had, nothing is changed, unless that is asked for.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache, partial

from whale_platform.broker import recent_messages, topics
from whale_platform.domain.names import RAW_TRADES
from whale_platform.files.scratch_folder import open_scratch_folder
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.errors import LakeError
from whale_platform.lake.maintenance import kafka_spool, rewrite
from whale_platform.lake.maintenance.rewrite import RewriteResult
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder

EARLIER_S = 3600  # a trade may reach Kafka before its own time, by a wrong clock


class RowsLostError(LakeError):
    """Kafka and the readable files hold fewer trades than the table had."""


def restore_hour(
    root: Folder,
    bootstrap: KafkaCluster,
    start: datetime,
    run_id: str,
    whole_topic: bool = False,
    accept_fewer: bool = False,
    tell: Callable[[int], None] = lambda _: None,
) -> RewriteResult | None:
    """Restore the hour from `start` (aware UTC); None where there was nothing to restore.

    `whole_topic`: look at every message, as recorded trades are older than their messages. `tell(messages read)`.
    Raises LakeError's subclasses, BrokerError, and RowsLostError unless `accept_fewer`.
    """
    since = 0 if whole_topic else int((start.timestamp() - EARLIER_S) * 1000)
    records = recent_messages.read_recent_records(bootstrap, RAW_TRADES, since)
    table.create_table(root)
    place = _build_offset_lookup(root, bootstrap)

    def told() -> Iterator[tuple[int, int, bytes]]:
        for number, record in enumerate(records):
            if number % 100_000 == 0:
                tell(number)
            if record.value is not None and record.offset < place(record.partition):
                yield record.partition, record.offset, record.value

    with open_scratch_folder(folders.scratch_folder(root), "restore-") as folder:
        path = folder / "messages.json"
        found = kafka_spool.spool_messages(path, told(), start)
        had = sum(file.rows for file in table.list_files(table.open_table(root), start, start + HOUR))
        if not found and not had:
            return None

        def enough(rows: int) -> None:
            if rows < had and not accept_fewer:
                raise RowsLostError(
                    f"the lake had {had:,} trades in this hour, but its readable files and Kafka have only {rows:,}: "
                    "nothing was changed; import the exchange's dump of that day, or accept it with --accept-fewer"
                )

        about = {"run": run_id, "why": "restored from Kafka"}
        return rewrite.rewrite_hour(
            root, start, about, lambda _: kafka_spool.select_spooled(path), without_damaged=True, check=enough
        )


def _build_offset_lookup(root: Folder, bootstrap: KafkaCluster) -> Callable[[int], int]:
    """Partition -> the first offset that the table does not have."""
    found = topics.describe_topics(bootstrap, [RAW_TRADES]).get(RAW_TRADES)
    return cache(partial(table.read_position, table.open_table(root), found.topic_id if found else ""))

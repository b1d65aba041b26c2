"""What an error or a checkpoint's files say about the checkpoint, and which offsets are lost with it. Pure.

Spark names a damage in a hundred ways, most of them an exception from deep inside ("assertion failed", "no cause
message"), so an error is judged by its whole Java trace: by what it says, then by which of Spark's readers it came out
of. What the world did (a full disk, a broker or a worker that is unavailable) is no damage, whatever the trace shows.
"""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from whale_platform.storage import folders
from whale_platform.storage.errors import ObjectStoreError
from whale_platform.storage.folders import Folder

LossCause = Literal["expired", "truncated", "recreated", "gone", "none"]

_WORLD = re.compile(
    "No space left|Too many open files|OutOfMemoryError|Disk quota exceeded|Read-only file system"
    r"|kafka\.common\.errors\.(Timeout|Disconnect|Network|Coordinator|NotLeader|LeaderNotAvailable|BrokerNotAvailable)"
    r"|kafka\.common\.errors\.\w*(Authentication|Authorization)Exception"
    r"|kafka\.common\.config\.ConfigException"
    "|TimeoutException: Timeout expired|No resolvable bootstrap urls|UnknownTopicOrPartition"
    "|stopped SparkContext|SparkContext (was|has been) shut ?down|CANNOT_WRITE_STATE_STORE"
    "|ExecutorLostFailure|Master removed our application|All masters are unresponsive"
    r"|(Failed to connect to|Connection (reset|refused)|Connection from) \S*:\d+"
    r"|ObjectStoreError|fs\.s3a\.(AWS\w+|RemoteFileChanged|UnknownStore|auth\.\w+)Exception|AccessDeniedException|SdkClientException"
)
_KINDS = (
    ("trades that it had not read are gone from the topic", "data may have been lost|KAFKA_DATA_LOSS|OffsetOutOfRange"),
    ("the topic has fewer trades than the checkpoint has read", "offset was changed from"),
    (
        "its checkpoint was written by another version of Spark",
        "(UNSUPPORTED|INVALID)_LOG_VERSION|UnsupportedLogVersion",
    ),
    (
        "its state was written by another form of the query",
        "SCHEMA_NOT_COMPATIBLE|SCHEMA_INCOMPATIBLE|STATE_SCHEMA|STREAMING_STATEFUL_OPERATOR_(?!MISSING)|STATE_STORE_PROVIDER"
        "|STATE_STORE_CHECKPOINT_(ID|FORMAT)",
    ),
    (
        "its state can't be read",
        "STATE_STORE|MISSING_STATE_DIRECTORY|STDS_"
        r"|streaming\.state\.(RocksDB\w*\.load|\w*(Changelog|Schema|Metadata)\w*Reader|StateSchema|StateMetadata)"
        r"|rocksdb\.RocksDBException: Corruption",
    ),
    (
        "a file of its checkpoint is torn, damaged or missing",
        r"ChecksumException|checkpointing\.(HDFSMetadataLog\.(apply|get)|OffsetSeqLog\.des|CommitLog\W*\.(des|read))"
        r"|MISSING_METADATA_FILE|Incomplete log file|StreamMetadata|StreamingQueryCheckpointMetadata"
        r"|MicroBatchExecution\.(populateStartOffsets|initializeExecution)|fasterxml\.jackson"
        r"|json4s|OffsetSeq\.(toStreamProgress|toOffsets)|JsonUtils\W*\.partitionOffsets",
    ),
)


def classify_failure(error: str) -> str | None:
    """What is wrong with the checkpoint of a query that failed so; None: nothing is, start it again.

    `error`: the whole Java trace, causes included, as Spark's `Utils.exceptionString` gives it.
    """
    if is_environmental(error):
        return None
    return next((meaning for meaning, signs in _KINDS if re.search(signs, error)), None)


def is_environmental(error: str) -> bool:
    """Whether broker, disk, memory or a worker is to blame: that passes, or a fresh checkpoint would fail as well."""
    return _WORLD.search(error) is not None


def explain_torn_file(path: Folder) -> str | None:
    """The file of a checkpoint that no query can begin with, in one sentence; None where there is none.

    Only what Spark reads first is looked at: a loss of power leaves the newest files empty or cut. Later finds
    (state, older batches) fail the query, for `classify_failure` to judge.
    """
    newest = [found for log in ("offsets", "commits") if (found := _find_newest_file(path / log)) is not None]
    for file in (path / "metadata", *newest):
        try:
            content = file.read_bytes()
            first, *lines = content.decode().splitlines() if file.name != "metadata" else ("v1", content)
            whole = first.startswith("v") and lines and all(_is_object(line) for line in lines)
        except ObjectStoreError:  # it is not known whether the file is whole
            raise
        except FileNotFoundError:
            whole = file.name == "metadata" and not newest
            content = b""
        except (OSError, ValueError):
            whole = False
        if not whole or not _has_valid_checksums(file, content):
            return f"The file {folders.relative_text(file, path)} of the checkpoint is empty, torn, damaged or missing."
    return None


def _has_valid_checksums(file: Folder, content: bytes) -> bool:
    """Whether Hadoop's checksums beside the file are those of its content; where it has none, Spark asks for none."""
    try:
        sums = file.with_name(f".{file.name}.crc").read_bytes()
    except OSError:
        return True
    if len(sums) < 8 or not sums.startswith(b"crc\0"):
        return True
    size = int.from_bytes(sums[4:8], "big")
    made = (zlib.crc32(content[at : at + size]) for at in range(0, len(content), size))
    return sums[8:] == b"".join(one.to_bytes(4, "big") for one in made)


def _find_newest_file(folder: Folder) -> Folder | None:
    names = [name for name in folders.list_names(folder) if name.isdigit()]
    return folder / max(names, key=int) if names else None


def _is_object(line: str | bytes) -> bool:
    return line in ("-", "") or isinstance(json.loads(line), dict)


@dataclass(frozen=True, slots=True)
class LostOffsets:
    """Offsets first..last of a partition that the query had not read and can't read any more.

    last is None where nobody knows how many they were, and first - 1 where none is lost: first is where it reads on.
    """

    partition: int
    first: int
    last: int | None
    cause: LossCause

    def __str__(self) -> str:
        """As a person reads it."""
        if self.cause == "none":
            return f"partition {self.partition}: read again from offset {self.first}, nothing lost"
        if self.last is None:
            return f"partition {self.partition}: all that came after offset {self.first - 1} is lost ({self.cause})"
        return f"partition {self.partition}: offsets {self.first} to {self.last} are lost ({self.cause})"


def find_losses(
    position: Mapping[int, int], same_topic: bool, earliest: Mapping[int, int], ends: Mapping[int, int]
) -> list[LostOffsets]:
    """What a query loses that had come to `position` and restarts at `earliest`, for each partition.

    All by partition: the next offset it would have read (left out where nobody knows: then all that has expired counts
    as lost), the first offset in the topic, the next one to be written. `same_topic`: the topic is not another one
    of the same name.
    """
    found = []
    for part in sorted({*position, *earliest}):
        at = position.get(part)
        if not same_topic:
            found.append(LostOffsets(part, at or 0, None, "recreated"))
        elif part not in earliest:
            found.append(LostOffsets(part, at or 0, None, "gone"))
        elif (at or 0) < earliest[part]:
            found.append(LostOffsets(part, at or 0, earliest[part] - 1, "expired"))
        elif at is not None and at > ends.get(part, at):
            found.append(LostOffsets(part, ends[part], at - 1, "truncated"))
        else:
            found.append(LostOffsets(part, earliest[part], earliest[part] - 1, "none"))
    return found

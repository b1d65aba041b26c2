"""Checkpoints as folders with a label: which query, mode and version they belong to, and which topic of which cluster.

Layout: `HOME/checkpoints/<query>/[<mode>-]v<version>/` holds Spark's own files and `whale.json`, the label. One that no
longer fits its topic raises `CheckpointMismatchError` before Spark starts, with what happened; Spark itself would only
show a stack trace, or silently read another topic's offsets. recovery.py then archives it. Archiving moves the folder;
of each query the newest `KEPT_ARCHIVES` archives stay.
"""

import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whale_platform.storage import folders
from whale_platform.storage.errors import ObjectStoreError
from whale_platform.storage.folders import Folder
from whale_platform.stream.errors import CheckpointMismatchError, ForeignCheckpointError
from whale_platform.stream.query import diagnosis
from whale_platform.supervision.runtime.lease import Lease

LABEL_FILE = "whale.json"
LAKE_QUERY = "lake"
QUERY_NAMES = ("windows", "whales", LAKE_QUERY)
KEPT_ARCHIVES = 5
_STAMP = re.compile(r"-(\d{8}T\d{6}Z)(?:-(\d+))?$")


@dataclass(frozen=True, slots=True)
class CheckpointLabel:
    """What a checkpoint belongs to; `mode` is empty where both modes go on from it. `reducers`: parts of its state."""

    query: str
    mode: str
    version: int
    cluster_id: str
    topic: str
    topic_id: str
    reducers: int = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One folder as `whale checkpoint list` shows it. `offsets`: {partition: next offset} of the last batch.

    `size`: bytes of its files; `modified`: when the newest was written, seconds since 1970, None where there is none.
    """

    path: Folder
    label: CheckpointLabel | None
    batch: int | None
    offsets: dict[int, int]
    size: int
    modified: float | None


def checkpoint_folder(home: Folder, query: str, mode: str, version: int) -> Folder:
    """Where the checkpoint of a query lies; one that both modes share has none in its name."""
    return home / "checkpoints" / query / "-".join(part for part in (mode, f"v{version}") if part)


def prepare_folder(home: Folder, label: CheckpointLabel, earliest: dict[int, int], ends: dict[int, int]) -> Folder:
    """The folder to hand to Spark, new or fit.

    `earliest`: {partition: first offset still in the topic}, `ends`: {partition: next offset to be written}. Raises
    CheckpointMismatchError where a file is torn, the topic is another one, or the read_position is not in it;
    ForeignCheckpointError as `refuse_foreign_checkpoint`.
    """
    path = checkpoint_folder(home, label.query, label.mode, label.version)
    path.mkdir(parents=True, exist_ok=True)
    _delete_unfinished_files(path)
    if not (path / LABEL_FILE).exists() and not (path / "metadata").exists():
        folders.write_json(path / LABEL_FILE, asdict(label))
    refuse_foreign_checkpoint(home, label)
    if problem := explain_mismatch(inspect_checkpoint(path), label, earliest, ends) or diagnosis.explain_torn_file(
        path
    ):
        raise CheckpointMismatchError(problem)
    return path


def refuse_foreign_checkpoint(home: Folder, label: CheckpointLabel) -> None:
    """Raise ForeignCheckpointError where the checkpoint of `label` is known to belong to another Kafka cluster."""
    found = _read_label(checkpoint_folder(home, label.query, label.mode, label.version) / LABEL_FILE)
    if found is not None and found.cluster_id != label.cluster_id:
        raise ForeignCheckpointError(
            f"The checkpoint of query {label.query} belongs to Kafka cluster {found.cluster_id}, but the broker is "
            f"cluster {label.cluster_id}: point WHALE_KAFKA_BOOTSTRAP back to the old one, or give it up: "
            "`whale checkpoint reset all`, then the new cluster's topic is read from its start."
        )


def _delete_unfinished_files(path: Folder) -> None:
    """Delete what a kill in the middle of writing has left: Spark takes it for another query's and would not begin."""
    for log in ("offsets", "commits"):
        for name in folders.list_names(path / log):
            if name.startswith(".") and ".tmp" in name:
                (path / log / name).unlink(missing_ok=True)  # a driver that is just being ended may still rename it
    begun = {name for name in folders.list_names(path / "offsets") if name.isdigit()}
    if begun <= {"0"} and _find_newest_number(path / "commits") is None:
        folders.delete_folder(path / "state")  # of a first batch that did not come to its end


def explain_mismatch(
    found: Checkpoint, label: CheckpointLabel, earliest: dict[int, int], ends: dict[int, int]
) -> str | None:
    """Why `found` can't be gone on with as `label` on the same cluster, in one sentence; None where it can."""
    if found.label is None:
        return f"The checkpoint of query {label.query} has no readable label: nobody can say which topic it belongs to."
    if found.label.topic != label.topic:
        return f"The checkpoint of query {label.query} belongs to topic {found.label.topic}, not to {label.topic}."
    if found.label.topic_id != label.topic_id:
        return (
            f"Topic {label.topic} was deleted and made again since the checkpoint of query {label.query}: its offsets "
            "mean other trades now."
        )
    if found.label.reducers != label.reducers:
        return (
            f"The state of query {label.query} is in {found.label.reducers} parts, but WHALE_STREAM_REDUCERS is "
            f"{label.reducers} now."
        )
    lost = [
        f"partition {part} offsets {place} to {earliest[part] - 1}"
        for part, place in sorted(found.offsets.items())
        if place < earliest.get(part, 0)
    ]
    if lost:
        return f"Retention deleted trades of {label.topic} that query {label.query} had not read: {', '.join(lost)}."
    gone = sorted(set(found.offsets) - set(earliest))
    if gone:
        return f"Topic {label.topic} has lost partitions {gone} that query {label.query} had read."
    beyond = [
        f"partition {part} ends at offset {ends[part]}, not at {place}"
        for part, place in sorted(found.offsets.items())
        if place > ends[part]
    ]
    if beyond:
        return f"Topic {label.topic} has lost its end, which query {label.query} had read: {', '.join(beyond)}."
    return None


def inspect_checkpoint(path: Folder) -> Checkpoint:
    """Read one checkpoint folder, also while Spark writes in it; what can't be read is None or empty."""
    files = list(folders.list_files(path))
    return Checkpoint(
        path=path,
        label=_read_label(path / LABEL_FILE),
        batch=_find_newest_number(path / "commits"),
        offsets=_read_newest_offsets(path),
        size=sum(file.size for file in files),
        modified=max((file.modified for file in files), default=None),
    )


def list_checkpoints(home: Folder, query: str | None = None) -> list[Checkpoint]:
    """All checkpoints of a home (of one query, if named), archived ones last."""
    root = home / "checkpoints"
    queries = sorted(set(folders.list_names(root)) - {"archive"})
    live = [root / name / version for name in queries for version in sorted(folders.list_folders(root / name))]
    kept = [root / "archive" / name for name in sorted(folders.list_folders(root / "archive"))]
    found = [inspect_checkpoint(path) for path in live + kept]
    return [item for item in found if query is None or (item.label is not None and item.label.query == query)]


def list_live_folders(home: Folder, query: str) -> list[Folder]:
    """The folders in use by `query`, or by `all`: what `archive_checkpoints` moves. Raises ValueError for another
    name."""
    if query not in (*QUERY_NAMES, "all"):
        raise ValueError(f"there is no query {query!a}: one of {', '.join(QUERY_NAMES)} or all")
    return [
        home / "checkpoints" / name / version
        for name in QUERY_NAMES
        if query in (name, "all")
        for version in sorted(folders.list_folders(home / "checkpoints" / name))
    ]


def archive_checkpoints(home: Folder, query: str) -> list[Folder]:
    """Move every live checkpoint of `query`, or of `all`, aside; returns the new places.

    The next start reads the topic from its beginning.
    """
    return [archive_folder(home, path) for path in list_live_folders(home, query)]


def archive_folder(home: Folder, path: Folder) -> Folder:
    """Move one checkpoint to the archive, of which the oldest of the same query go; returns the new place."""
    root, query = home / "checkpoints" / "archive", path.parent.name
    root.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    name = f"{query}-{path.name}-{stamp}"
    taken = [_parse_archive_name(other)[1] for other in folders.list_names(root) if other.startswith(name)]
    target = root / (f"{name}-{max(taken) + 1}" if taken else name)
    folders.move_folder(path, target)
    kept = sorted((name for name in folders.list_names(root) if name.startswith(f"{query}-")), key=_parse_archive_name)
    for old in kept[:-KEPT_ARCHIVES]:
        folders.delete_folder(root / old)
    return target


def _parse_archive_name(name: str) -> tuple[str, int]:
    """When the archive of that name was made, and which it was in that second."""
    found = _STAMP.search(name)
    return (found[1], int(found[2] or 0)) if found else ("", 0)


def archive_under_lease(home: Path, root: Folder, query: str) -> list[Folder]:
    """Archive the checkpoints of `query`, or of `all`, in `root`, holding the lease of `home`; returns the new places.

    No running query loses its checkpoint, and none can start meanwhile. Raises LeaseRefusedError, ValueError.
    """
    lease = Lease(home, "stream")
    lease.acquire()
    try:
        return archive_checkpoints(root, query)
    finally:
        lease.release()


def _read_label(file: Folder) -> CheckpointLabel | None:
    try:
        return CheckpointLabel(**json.loads(file.read_text()))
    except ObjectStoreError:  # it is not known whether the file can be read
        raise
    except (OSError, ValueError, TypeError):
        return None


def _find_newest_number(folder: Folder) -> int | None:
    return max((int(name) for name in folders.list_names(folder) if name.isdigit()), default=None)


def find_last_batch(path: Folder) -> int | None:
    """The number of the last batch that was finished; None before the first."""
    return _find_newest_number(path / "commits")


def read_batch_ends(path: Folder, batch: int) -> dict[int, int]:
    """{partition: next offset} at the end of a batch, as Spark has written it down before the batch began.

    Raises OSError, ValueError, IndexError where that file can't be read.
    """
    last: Any = json.loads((path / "offsets" / str(batch)).read_text().splitlines()[-1])
    if not isinstance(last, dict) or not all(isinstance(places, dict) for places in last.values()):
        raise ValueError(f"the file of batch {batch} ends before its offsets")
    return {int(part): place for places in last.values() for part, place in places.items()}


def read_position(path: Folder) -> dict[int, int]:
    """{partition: next offset} that the query had surely read, by the newest file that can be read; {} by none.

    Of what came after its last commit nobody can say whether it was read.
    """
    done = _find_newest_number(path / "commits")
    for batch in range(done, max(-1, done - 100), -1) if done is not None else ():
        try:
            return read_batch_ends(path, batch)
        except ObjectStoreError:
            raise
        except (OSError, ValueError, LookupError, AttributeError):
            continue
    return {}


def _read_newest_offsets(path: Folder) -> dict[int, int]:
    newest = _find_newest_number(path / "offsets")
    try:
        return {} if newest is None else read_batch_ends(path, newest)
    except ObjectStoreError:
        raise
    except (OSError, ValueError, IndexError):
        return {}

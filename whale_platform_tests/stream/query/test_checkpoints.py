"""Checkpoint labels: what fits goes on, what does not is explained with its remedy."""

import contextlib
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from whale_platform.settings import Settings
from whale_platform.storage import folders
from whale_platform.storage.errors import ObjectStoreError
from whale_platform.storage.folders import Folder
from whale_platform.stream.errors import CheckpointMismatchError, ForeignCheckpointError
from whale_platform.stream.query import checkpoints
from whale_platform.stream.query.checkpoints import CheckpointLabel
from whale_platform.stream.query.diagnosis import explain_torn_file
from whale_platform_tests.support.kafka_server import free_port
from whale_platform_tests.support.s3_server import S3Server

LABEL = CheckpointLabel("windows", "realtime", 1, "cluster-a", "raw_crypto_trades", "topic-1")


def prepare(home: Folder, label: CheckpointLabel, earliest: dict[int, int], end: int = 500) -> Folder:
    return checkpoints.prepare_folder(home, label, earliest, dict.fromkeys(earliest, end))


def read_until(path: Folder, offsets: dict[int, int]) -> None:
    """Write what Spark writes after a batch."""
    (path / "metadata").write_text('{"id":"1"}')
    for name, lines in (
        ("offsets", ["v1", "{}", json.dumps({"raw_crypto_trades": offsets})]),
        ("commits", ["v1", "{}"]),
    ):
        (path / name).mkdir(exist_ok=True)
        (path / name / "7").write_text("\n".join(lines))


def stand_at(home: Folder, query: str, topic_id: str, offsets: dict[int, int]) -> None:
    """The checkpoint of a query that has put out all before `offsets`."""
    path = checkpoints.checkpoint_folder(home, query, "", 1)
    path.mkdir(parents=True, exist_ok=True)
    folders.write_json(path / checkpoints.LABEL_FILE, asdict(replace(LABEL, query=query, topic_id=topic_id)))
    read_until(path, offsets)


@pytest.fixture
def used(tmp_path: Path) -> Folder:
    path = prepare(tmp_path, LABEL, {0: 0, 1: 0})
    read_until(path, {0: 100, 1: 50})
    return path


def test_a_new_folder_is_labelled_and_fits_again(tmp_path: Path) -> None:
    path = prepare(tmp_path, LABEL, {0: 0})
    assert checkpoints.inspect_checkpoint(path).label == LABEL
    assert prepare(tmp_path, LABEL, {0: 0}) == path


@pytest.mark.parametrize(
    ("logged", "kept"),
    [((), False), (("offsets/0",), False), (("commits/0",), True), (("offsets/0", "offsets/1"), True)],
)
def test_what_a_first_batch_left_that_was_ended_is_no_state(
    tmp_path: Path, logged: tuple[str, ...], kept: bool
) -> None:
    """Spark would refuse the checkpoint: state must be empty before batch 0. Anything else is left to be judged."""
    path = prepare(tmp_path, LABEL, {0: 0})
    state = path / "state" / "0" / "0" / "1_ab.changelog"
    for file in (state, *(path / name for name in logged)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    with contextlib.suppress(CheckpointMismatchError):  # the logs are empty
        prepare(tmp_path, LABEL, {0: 0})
    assert state.exists() is kept


def test_what_was_read_is_told(tmp_path: Path, used: Path) -> None:
    found = checkpoints.list_checkpoints(tmp_path)
    assert [(item.path, item.batch, item.offsets) for item in found] == [(used, 7, {0: 100, 1: 50})]


def test_a_checkpoint_is_told_while_its_files_come_and_go(tmp_path: Path, used: Path) -> None:
    """As Spark does it: under another name first, in folders that may be deleted again."""
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            folder = used / "state" / "0"
            folder.mkdir(parents=True)
            for number in range(20):
                (folder / f"..{number}.tmp.crc").touch()
            shutil.rmtree(used / "state")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            assert checkpoints.list_checkpoints(tmp_path)[0].batch == 7
    finally:
        done.set()
        writer.join()


def test_one_that_is_moved_away_meanwhile_is_no_error(tmp_path: Path, used: Path) -> None:
    checkpoints.archive_checkpoints(tmp_path, "windows")
    found = checkpoints.inspect_checkpoint(used)
    assert (found.label, found.batch, found.offsets, found.size, found.modified) == (None, None, {}, 0, None)


def test_a_retention_that_only_took_read_trades_is_fine(tmp_path: Path, used: Path) -> None:
    assert prepare(tmp_path, LABEL, {0: 100, 1: 50}) == used


@pytest.mark.parametrize(
    ("label", "earliest", "end", "words"),
    [
        (replace(LABEL, topic_id="topic-2"), {0: 0, 1: 0}, 500, "deleted and made again"),
        (replace(LABEL, reducers=4), {0: 0, 1: 0}, 500, "state of query windows is in 1 parts.*REDUCERS is 4"),
        (LABEL, {0: 140, 1: 0}, 500, "partition 0 offsets 100 to 139"),
        (LABEL, {0: 0}, 500, r"lost partitions \[1\]"),
        (LABEL, {0: 0, 1: 0}, 99, "partition 0 ends at offset 99, not at 100"),
    ],
)
def test_what_does_not_fit_is_explained(
    tmp_path: Path, used: Path, label: CheckpointLabel, earliest: dict[int, int], end: int, words: str
) -> None:
    with pytest.raises(CheckpointMismatchError, match=words) as raised:
        prepare(tmp_path, label, earliest, end)
    assert not isinstance(raised.value, ForeignCheckpointError)


def test_another_cluster_is_for_a_person_to_decide(tmp_path: Path, used: Path) -> None:
    with pytest.raises(ForeignCheckpointError, match=r"cluster-b.*WHALE_KAFKA_BOOTSTRAP.*whale checkpoint reset"):
        prepare(tmp_path, replace(LABEL, cluster_id="cluster-b", topic_id="topic-2"), {0: 0})


@pytest.mark.parametrize("content", [b"", b"{", b'{"query": "windows"}', b"\xff\xfe"])
def test_a_torn_label_is_not_trusted(tmp_path: Path, used: Path, content: bytes) -> None:
    (used / checkpoints.LABEL_FILE).write_bytes(content)
    with pytest.raises(CheckpointMismatchError, match="no readable label"):
        prepare(tmp_path, LABEL, {0: 0, 1: 0})


def test_a_start_killed_between_folder_and_label_is_taken_up(tmp_path: Path) -> None:
    folder = checkpoints.checkpoint_folder(tmp_path, "windows", "realtime", 1)
    folder.mkdir(parents=True)
    (folder / "whale.json.12.34.new").write_text("{")
    assert checkpoints.inspect_checkpoint(prepare(tmp_path, LABEL, {0: 0})).label == LABEL


def test_half_written_files_go_and_all_others_stay(tmp_path: Path, used: Path) -> None:
    kept = sorted(used.rglob("*"))
    for log in ("offsets", "commits"):
        for name in (".8.6cc8bd16.tmp", "..8.6cc8bd16.tmp.crc"):
            (used / log / name).touch()
    prepare(tmp_path, LABEL, {0: 0, 1: 0})
    assert sorted(used.rglob("*")) == kept


def test_archiving_moves_and_keeps_everything(tmp_path: Path, used: Path) -> None:
    (moved,) = checkpoints.archive_checkpoints(tmp_path, "windows")
    assert not used.exists()
    assert checkpoints.inspect_checkpoint(moved).offsets == {0: 100, 1: 50}
    assert checkpoints.archive_checkpoints(tmp_path, "windows") == []
    fresh = prepare(tmp_path, LABEL, {0: 140, 1: 50})
    assert checkpoints.inspect_checkpoint(fresh).offsets == {}


def test_the_archive_keeps_the_newest_of_each_query(tmp_path: Path) -> None:
    for number in range(checkpoints.KEPT_ARCHIVES + 3):
        for query in ("windows", "whales"):
            (prepare(tmp_path, replace(LABEL, query=query), {0: 0}) / "number").write_text(str(number))
        assert len(checkpoints.archive_checkpoints(tmp_path, "all")) == 2, "many within a second, none inside another"
    kept = (tmp_path / "checkpoints" / "archive").glob("windows-*/number")
    assert sorted(int(file.read_text()) for file in kept) == list(range(3, checkpoints.KEPT_ARCHIVES + 3))
    assert len(list((tmp_path / "checkpoints" / "archive").iterdir())) == 2 * checkpoints.KEPT_ARCHIVES


def test_the_position_is_the_newest_that_is_sure_and_readable(tmp_path: Path, used: Path) -> None:
    assert checkpoints.read_position(used) == {0: 100, 1: 50}
    for log, batch, text in (("offsets", 8, ""), ("offsets", 9, "v1\n{}\n{"), ("commits", 8, ""), ("commits", 9, "")):
        (used / log / str(batch)).write_text(text)
    assert checkpoints.read_position(used) == {0: 100, 1: 50}
    shutil.rmtree(used / "offsets")
    assert checkpoints.read_position(used) == {}


def test_modes_and_versions_lie_beside_each_other(tmp_path: Path, used: Path) -> None:
    other = prepare(tmp_path, replace(LABEL, mode="microbatch"), {0: 0, 1: 0})
    newer = prepare(tmp_path, replace(LABEL, version=2), {0: 0, 1: 0})
    assert len({used, other, newer}) == 3


def test_in_an_object_store_checkpoints_are_kept_judged_and_archived_as_on_a_disk(s3: S3Server, tmp_path: Path) -> None:
    home = Settings(home=tmp_path).stream_home
    for number in range(checkpoints.KEPT_ARCHIVES + 2):
        path = prepare(home, LABEL, {0: 0, 1: 0})
        read_until(path, {0: 100 + number, 1: 50})
        (path / "state" / "0" / "1.delta").write_bytes(b"")
        assert prepare(home, LABEL, {0: 0, 1: 0}) == path
        assert checkpoints.read_position(path) == {0: 100 + number, 1: 50}
        with pytest.raises(CheckpointMismatchError, match="Retention deleted trades"):
            prepare(home, LABEL, {0: 400, 1: 0})
        (kept,) = checkpoints.archive_under_lease(tmp_path, home, "windows")
        assert checkpoints.list_live_folders(home, "all") == []
        assert folders.list_names(kept / "state" / "0") == ["1.delta"]
    found = checkpoints.list_checkpoints(home)
    assert [one.offsets[0] for one in found] == list(range(102, 102 + checkpoints.KEPT_ARCHIVES))
    assert all(one.label == LABEL and one.batch == 7 and one.size and one.modified for one in found)


def test_a_store_that_does_not_respond_is_not_taken_for_a_damaged_checkpoint(tmp_path: Path) -> None:
    given = {"home": tmp_path, "shared": "s3://bucket", "s3_endpoint": f"http://127.0.0.1:{free_port()}"}
    home = Settings.model_validate({**given, "s3_key": "AKIA", "s3_secret": "none"}).stream_home
    path = checkpoints.checkpoint_folder(home, "windows", "", 1)
    looks: list[Callable[[], object]] = [
        lambda: prepare(home, LABEL, {0: 0}),
        lambda: checkpoints.inspect_checkpoint(path),
        lambda: checkpoints.read_position(path),
        lambda: explain_torn_file(path),
    ]
    for look in looks:
        with pytest.raises(ObjectStoreError, match="see WHALE_S3_ENDPOINT"):
            look()

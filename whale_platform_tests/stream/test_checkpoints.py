"""Checkpoint labels: what fits goes on, what does not is explained with its remedy."""

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from whale_platform.stream import checkpoints
from whale_platform.stream.checkpoints import Label, Unfit

LABEL = Label("windows", "realtime", 1, "cluster-a", "raw_crypto_trades", "topic-1")


def read_until(path: Path, offsets: dict[int, int]) -> None:
    """Write what Spark writes after a batch."""
    for name, lines in (
        ("offsets", ["v1", "{}", json.dumps({"raw_crypto_trades": offsets})]),
        ("commits", ["v1", "{}"]),
    ):
        (path / name).mkdir(exist_ok=True)
        (path / name / "7").write_text("\n".join(lines))


@pytest.fixture
def used(tmp_path: Path) -> Path:
    path = checkpoints.prepare(tmp_path, LABEL, {0: 0, 1: 0})
    read_until(path, {0: 100, 1: 50})
    return path


def test_a_new_folder_is_labelled_and_fits_again(tmp_path: Path) -> None:
    path = checkpoints.prepare(tmp_path, LABEL, {0: 0})
    assert checkpoints.inspect(path).label == LABEL
    assert checkpoints.prepare(tmp_path, LABEL, {0: 0}) == path


def test_what_was_read_is_told(tmp_path: Path, used: Path) -> None:
    found = checkpoints.listing(tmp_path)
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
            assert checkpoints.listing(tmp_path)[0].batch == 7
    finally:
        done.set()
        writer.join()


def test_one_that_is_moved_away_meanwhile_is_no_error(tmp_path: Path, used: Path) -> None:
    checkpoints.archive(tmp_path, "windows")
    found = checkpoints.inspect(used)
    assert (found.label, found.batch, found.offsets, found.size, found.modified) == (None, None, {}, 0, None)


def test_a_retention_that_only_took_read_trades_is_fine(tmp_path: Path, used: Path) -> None:
    assert checkpoints.prepare(tmp_path, LABEL, {0: 100, 1: 50}) == used


@pytest.mark.parametrize(
    ("label", "earliest", "words"),
    [
        (replace(LABEL, topic_id="topic-2"), {0: 0, 1: 0}, "deleted and made again"),
        (replace(LABEL, cluster_id="cluster-b"), {0: 0, 1: 0}, "cluster-b"),
        (LABEL, {0: 140, 1: 0}, "partition 0 offsets 100 to 139"),
        (LABEL, {0: 0}, r"lost partitions \[1\]"),
    ],
)
def test_what_does_not_fit_is_explained_with_its_remedy(
    tmp_path: Path, used: Path, label: Label, earliest: dict[int, int], words: str
) -> None:
    with pytest.raises(Unfit, match=words) as raised:
        checkpoints.prepare(tmp_path, label, earliest)
    assert "whale checkpoint reset windows" in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"{", b'{"query": "windows"}', b"\xff\xfe"])
def test_a_torn_label_is_not_trusted(tmp_path: Path, used: Path, content: bytes) -> None:
    (used / checkpoints.LABEL).write_bytes(content)
    with pytest.raises(Unfit, match="no readable label"):
        checkpoints.prepare(tmp_path, LABEL, {0: 0, 1: 0})


def test_a_start_killed_between_folder_and_label_is_taken_up(tmp_path: Path) -> None:
    folder = checkpoints.folder(tmp_path, "windows", "realtime", 1)
    folder.mkdir(parents=True)
    (folder / "whale.json.12.34.new").write_text("{")
    assert checkpoints.inspect(checkpoints.prepare(tmp_path, LABEL, {0: 0})).label == LABEL


def test_half_written_files_go_and_all_others_stay(tmp_path: Path, used: Path) -> None:
    kept = sorted(used.rglob("*"))
    for log in ("offsets", "commits"):
        for name in (".8.6cc8bd16.tmp", "..8.6cc8bd16.tmp.crc"):
            (used / log / name).touch()
    checkpoints.prepare(tmp_path, LABEL, {0: 0, 1: 0})
    assert sorted(used.rglob("*")) == kept


def test_archiving_moves_and_keeps_everything(tmp_path: Path, used: Path) -> None:
    (moved,) = checkpoints.archive(tmp_path, "windows")
    assert not used.exists()
    assert checkpoints.inspect(moved).offsets == {0: 100, 1: 50}
    assert checkpoints.archive(tmp_path, "windows") == []
    fresh = checkpoints.prepare(tmp_path, LABEL, {0: 140, 1: 50})
    assert checkpoints.inspect(fresh).offsets == {}


def test_modes_and_versions_lie_beside_each_other(tmp_path: Path, used: Path) -> None:
    other = checkpoints.prepare(tmp_path, replace(LABEL, mode="microbatch"), {0: 0, 1: 0})
    newer = checkpoints.prepare(tmp_path, replace(LABEL, version=2), {0: 0, 1: 0})
    assert len({used, other, newer}) == 3

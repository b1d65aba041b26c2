"""Commits: each message once whatever is tried again, rewrites that exclude each other, the newest hours in step."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whale_platform.lake.delta import commits, durability, newest, table
from whale_platform.lake.delta.table import HOUR, LakeFile, NewFile
from whale_platform.lake.duckdb import engine
from whale_platform.lake.errors import ConcurrentCommitError, LakeError, LakeNotFoundError, NewerTableError
from whale_platform.lake.maintenance import rewrite
from whale_platform_tests.lake.builders import START, ids, lay, trade


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def test_a_lake_that_is_not_there_says_so(root: Path) -> None:
    with pytest.raises(LakeNotFoundError, match="begins with the first trade"):
        table.open_table(root)
    lay(root, [trade(0)])
    with pytest.raises(LakeNotFoundError, match="newest is 1"):
        table.open_table(root, 7)


def test_a_table_whose_making_was_cut_short_is_made(root: Path) -> None:
    (root / "_delta_log").mkdir(parents=True)
    (root / "_delta_log" / "_commit_1b2c.json.tmp").touch()
    (root / "_delta_log" / f"{0:020d}.json#1").touch()
    with pytest.raises(LakeNotFoundError, match="begins with the first trade"):  # a reader beside the one that makes it
        table.open_table(root)
    lay(root, [trade(0)])
    assert table.open_table(root).version() == 1


def test_data_without_a_log_are_not_taken_for_a_new_table(root: Path) -> None:
    lay(root, [trade(0)])
    shutil.rmtree(root / "_delta_log")
    with pytest.raises(LakeError, match="can't be used"):
        table.open_table(root)
    with pytest.raises(LakeError, match="has data but no log"):
        lay(root, [trade(1)])


def test_the_table_knows_how_far_each_partition_has_come(root: Path) -> None:
    lay(root, [trade(number) for number in range(10)], first_offset=100)
    opened = table.open_table(root)
    assert table.read_position(opened, "topic", 0) == 110
    assert table.read_position(opened, "topic", 1) == 0
    assert table.read_position(opened, "another topic", 0) == 0


def test_files_are_told_by_hour_with_their_rows(root: Path) -> None:
    lay(root, [trade(number, every_s=600) for number in range(9)])
    found = table.list_files(table.open_table(root))
    assert [(file.start, file.rows) for file in found] == [(START, 6), (START + HOUR, 3)]
    assert [file.start for file in table.list_files(table.open_table(root), START + HOUR)] == [START + HOUR]
    assert [file.start for file in table.list_files(table.open_table(root), None, START + HOUR)] == [START]


def test_of_two_rewrites_of_the_same_files_one_is_done_again(root: Path) -> None:
    lay(root, [trade(number) for number in range(5)])
    lay(root, [trade(number) for number in range(5, 9)], first_offset=5)
    asked = []

    def change(opened: DeltaTable) -> tuple[list[NewFile], list[LakeFile]]:
        asked.append(opened.version())
        if len(asked) == 1:
            rewrite.rewrite_hour(root, START, {})  # another process, meanwhile
        return [], [file for file in table.list_files(opened) if not rewrite.is_sorted(file)]

    commits.replace_files(root, change, {})
    assert len(asked) == 2
    assert ids(root) == [("BTCUSDT", number) for number in range(9)]


def test_a_rewrite_that_never_gets_through_gives_up_in_words(root: Path) -> None:
    lay(root, [trade(0)])

    def change(opened: DeltaTable) -> tuple[list[NewFile], list[LakeFile]]:
        commits.replace_files(root, lambda other: ([], table.list_files(other)), {})
        lay(root, [trade(0)])
        return [], table.list_files(opened)

    with pytest.raises(ConcurrentCommitError, match="try again"):
        commits.replace_files(root, change, {})


def test_appends_and_rewrites_beside_each_other_lose_nothing(root: Path) -> None:
    lay(root, [trade(0)])
    done = threading.Event()
    failed: list[LakeError] = []

    def compact() -> None:
        while not done.is_set():
            try:
                rewrite.rewrite_hour(root, START, {})
            except LakeError as error:
                failed.append(error)

    threads = [threading.Thread(target=compact) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 30):
        lay(root, [trade(number)], first_offset=number)
    done.set()
    for thread in threads:
        thread.join()
    assert ids(root) == [("BTCUSDT", number) for number in range(30)]
    assert all(isinstance(error, ConcurrentCommitError) for error in failed)


@settings(max_examples=15, deadline=None)
@example(["lay later", "lay later", "lay later", "go", "go"])  # those left had been forgotten
@given(st.lists(st.sampled_from(["lay", "lay later", "compact", "go", "lose the file", "old file"]), max_size=12))
def test_the_newest_hours_are_those_of_the_table(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    root = tmp_path_factory.mktemp("newest") / "trades"
    number, kept = 0, ""
    lay(root, [trade(0)])
    mark = root.parent / "trades.newest.json"
    for step in ("lay", *steps):
        number += 3600 if step == "lay later" else 1
        if step.startswith("lay"):
            lay(root, [trade(number)], first_offset=number)
        elif step == "compact":
            for hour in rewrite.find_hours_to_compact(root):
                rewrite.rewrite_hour(root, hour, {})
        elif step == "go":
            commits.replace_files(root, lambda opened: ([], table.list_files(opened)[-1:]), {})
        elif step == "lose the file":
            mark.unlink(missing_ok=True)
        elif kept:
            mark.write_text(kept)
        kept = kept or (mark.read_text() if mark.exists() else "")
        files = table.list_files(table.open_table(root))
        hours = sorted({file.start for file in files})
        wanted = {file.path for file in files if file.start in hours[-2:]}
        assert set(newest.read_index(root).list_files(2)) == wanted, step


@pytest.mark.process
def test_a_writer_killed_in_the_middle_leaves_a_whole_table(root: Path) -> None:
    lay(root, [trade(0)])
    words = f"""
from pathlib import Path
from whale_platform_tests.lake.builders import lay, trade
from whale_platform.lake.maintenance import rewrite
root = Path({str(root)!r})
for number in range(1, 10_000):
    lay(root, [trade(number, every_s=0.1)], first_offset=number)
    if number % 5 == 0:
        for hour in rewrite.hours_to_compact(root):
            rewrite.rewrite_hour(root, hour, {{}})
"""
    for wait in (1.5, 1.9, 2.3):
        child = subprocess.Popen([sys.executable, "-c", words])
        time.sleep(wait)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        opened = table.open_table(root)
        rows = {number for _, number in ids(root)}
        assert sum(file.rows for file in table.list_files(opened)) == len(ids(root))
        assert rows >= set(range(table.read_position(opened, "topic", 0)))
        assert newest.read_index(root).version == opened.version()


@pytest.mark.parametrize("left", [b"", b"\0" * 900, b'{"commitInfo":{"timestamp":17'])
def test_a_torn_newest_commit_is_named_and_the_next_writer_sets_it_aside(root: Path, left: bytes) -> None:
    lay(root, [trade(0), trade(1)])
    lay(root, [trade(2)], first_offset=2)
    lay(root, [trade(3)], first_offset=3)
    for version in (2, 3):  # the file of the newest hours tells of version 3
        (root / "_delta_log" / f"{version:020d}.json").write_bytes(left)
    for ask in (
        lambda: ids(root),
        lambda: newest.read_index(root),
        lambda: commits.append_files(root, [], "topic", {0: 9}, {}),
    ):
        with pytest.raises(LakeError, match=r"00003.json is torn, as after a loss of power: .*whale up"):
            ask()
    table.create_table(root)
    assert (table.open_table(root).version(), table.read_position(table.open_table(root), "topic", 0)) == (1, 2)
    assert [len(files) for files in newest.read_index(root).list_hours_with_files()] == [1], "as the table itself"
    assert len(list(root.parent.glob("trades.torn.*"))) == 2, "nothing is deleted"
    lay(root, [trade(2), trade(3)], first_offset=2)
    assert ids(root) == [("BTCUSDT", number) for number in range(4)]


def test_what_a_commit_names_is_on_the_disk_before_it_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, flushed = root / "_delta_log", []

    def flush(paths: Iterable[Path]) -> None:
        found = [*paths]
        assert all(path.exists() for path in found)
        flushed.append(({path.suffix for path in found}, len(list(log.glob("*.json")))))

    monkeypatch.setattr(durability, "sync_files", flush)
    lay(root, [trade(0)])
    assert flushed == [({".parquet"}, 1), ({".json"}, 2)], "files, then the commit, then the commit is flushed too"


def test_a_table_of_before_gets_the_columns_that_were_added_since(root: Path) -> None:
    lay(root, [trade(1), trade(2)])
    (old,) = table.list_files(table.open_table(root))
    _drop_new_columns(root, old.path)
    assert {"block", "buyer", "seller"}.isdisjoint(field.name for field in table.open_table(root).schema().fields)
    table.create_table(root)
    lay(root, [trade(3)._replace(block=True, buyer="0xab")], first_offset=2)
    opened = table.open_table(root)
    assert {field.name for field in opened.schema().fields} >= {"block", "buyer", "seller"}
    files = [file.path for file in table.list_files(opened)]
    for paths, found in ((files, 3), ([old.path], 2)):
        with engine.connect(root) as connection:
            rows = connection.execute(
                f"SELECT trade_id, block, buyer, notional FROM {engine.select_trades(root, paths)} ORDER BY trade_id"
            ).fetchall()
        assert [row[:3] for row in rows] == [(1, None, None), (2, None, None), (3, True, "0xab")][:found]
        assert {row[3] for row in rows} == {201}
    assert rewrite.rewrite_hour(root, START, {"run": "test"}) is not None
    assert len(table.list_files(table.open_table(root))) == 1 and [number for _, number in ids(root)] == [1, 2, 3]


def test_what_does_not_know_a_column_of_the_table_rewrites_no_file(root: Path) -> None:
    for number in range(2):
        lay(root, [trade(number)], first_offset=number)
    before = table.open_table(root)
    before.alter.add_columns([Field("later", PrimitiveType("string"))])
    with pytest.raises(NewerTableError, match="has added later to the lake"):
        rewrite.rewrite_hour(root, START, {"run": "test"})
    assert len(table.list_files(table.open_table(root))) == 2 and [number for _, number in ids(root)] == [0, 1]


def _drop_new_columns(root: Path, path: str) -> None:
    """Leave the table as it was before it had blocks and parties."""
    new = {"block", "buyer", "seller"}
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE old AS SELECT * EXCLUDE ({', '.join(new)}) FROM '{root / path}'")
        connection.execute(f"COPY (SELECT * EXCLUDE (date, hour) FROM old) TO '{root / path}' (FORMAT parquet)")
    log = root / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "metaData" in action:
            schema = json.loads(action["metaData"]["schemaString"])
            schema["fields"] = [field for field in schema["fields"] if field["name"] not in new]
            action["metaData"]["schemaString"] = json.dumps(schema)
    log.write_text("".join(json.dumps(action) + "\n" for action in actions))


def test_versions_can_be_read_again(root: Path) -> None:
    first = lay(root, [trade(0)])
    second = lay(root, [trade(1)], first_offset=1)
    assert [
        sum(file.rows for file in table.list_files(table.open_table(root, version))) for version in (first, second)
    ] == [
        1,
        2,
    ]

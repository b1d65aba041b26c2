"""The lake in an object store, with a real S3 server: what it does on a disk it does there, or says what to correct."""

import threading
from pathlib import Path

import pytest

from whale_platform.bench.storage.dump_import import generate_dump
from whale_platform.domain.catalogue import SymbolCatalogue
from whale_platform.exchanges import symbols
from whale_platform.lake.analysis import id_counts
from whale_platform.lake.delta import newest, table
from whale_platform.lake.delta.schema import table_exists
from whale_platform.lake.duckdb import query
from whale_platform.lake.errors import ConcurrentCommitError, InvalidStatementError, LakeError, LakeNotFoundError
from whale_platform.lake.imports import dump_file, importer
from whale_platform.lake.maintenance import retention, rewrite
from whale_platform.settings import Settings
from whale_platform.storage import folders
from whale_platform.storage.errors import ObjectStoreError
from whale_platform.storage.folders import Folder
from whale_platform_tests.lake.builders import START, ids, lay, trade
from whale_platform_tests.support.kafka_server import free_port
from whale_platform_tests.support.s3_server import BUCKET, READER, SECRET, S3Server


def none(name: str, path: Path) -> list[tuple[str, str]]:
    return []


def ask(root: Folder, sql: str, version: int | None = None) -> list[tuple[object, ...]]:
    with query.run_query(root, sql, version, none) as answer:
        return list(answer.rows)


def test_a_lake_in_an_object_store_is_written_read_compacted_and_vacuumed(s3: S3Server, tmp_path: Path) -> None:
    root = Settings(home=tmp_path).trades_lake
    assert str(root) == f"s3://{BUCKET}/{tmp_path.name}/lake/trades"
    with pytest.raises(LakeNotFoundError, match="begins with the first trade"):
        table.open_table(root)
    lay(root, [trade(0), trade(1)])
    lay(root, [trade(2), trade(3600)], first_offset=2)
    assert table.read_position(table.open_table(root), "topic", 0) == 4

    # 1. Read: exact, as of a version, the newest hour without the table's log, and nothing but the lake's files.
    assert ask(root, "SELECT trade_id, notional::VARCHAR FROM trades WHERE hour = 10 ORDER BY 1") == [
        (number, "201.000000000000000000") for number in range(3)
    ]
    assert ask(root, "SELECT count(*) FROM trades", 1) == [(2,)]
    assert ask(root, "SELECT trade_id FROM newest_trades") == [(3600,)]
    assert newest.read_index(root).version == 2
    with pytest.raises(InvalidStatementError):
        ask(root, f"SELECT * FROM read_parquet('s3://{BUCKET}/{tmp_path.name}/lake/trades/**/*.parquet')")
    assert id_counts.count_trades(root, START) == {("binance", "BTCUSDT", START): 3}

    # 2. Compaction replaces two files by one; vacuum deletes the two, and an older version then says so.
    done = rewrite.rewrite_hour(root, START, {})
    assert done is not None and (done.files_before, done.files_after, done.rows_after) == (2, 1, 3)
    assert ids(root) == [("BTCUSDT", number) for number in (0, 1, 2, 3600)]
    planned = retention.vacuum(root, 0)
    assert len(planned.paths) == 2 and planned.size > 0
    assert retention.vacuum(root, 0, dry_run=False, confirmed=True) == planned
    with pytest.raises(LakeError, match="version 2 can't be read any more"):
        ask(root, "SELECT count(price) FROM trades", 2)
    assert ids(root) == [("BTCUSDT", number) for number in (0, 1, 2, 3600)]

    # 3. A dump is imported once, retention deletes its day, and the work beside the lake lies in the home.
    path = generate_dump(tmp_path, 300, hours=3)
    dump = dump_file.parse_dump_name("binance", path, symbols.build_splitter(SymbolCatalogue(), ()))
    assert [importer.import_dump(root, dump, {}, lambda *_: None).new for _ in range(2)] == [300, 0]
    old = retention.list_days(root)[:1]
    assert retention.drop_days(root, old, {}, confirmed=True) == 3
    assert len(ids(root)) == 4
    assert {one.why for one in retention.list_versions(root, 1)} == {"write"}
    assert (tmp_path / "lake" / "importing.lock").exists()
    assert SECRET not in repr(root) + str(root)


def test_commits_beside_each_other_lose_nothing(s3: S3Server, tmp_path: Path) -> None:
    """Conditional puts: of two that would be the same version one is refused and tries again."""
    root = Settings(home=tmp_path).trades_lake
    lay(root, [trade(0)])
    failed: list[LakeError] = []
    stop = threading.Event()

    def compact() -> None:
        while not stop.is_set():
            try:
                rewrite.rewrite_hour(root, START, {})
            except LakeError as error:
                failed.append(error)

    threads = [threading.Thread(target=compact) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 8):
        lay(root, [trade(number)], first_offset=number)
    stop.set()
    for thread in threads:
        thread.join()
    assert ids(root) == [("BTCUSDT", number) for number in range(8)]
    assert all(isinstance(error, ConcurrentCommitError) for error in failed)


def test_what_an_object_store_refuses_is_named(s3: S3Server, tmp_path: Path) -> None:
    written = Settings(home=tmp_path).trades_lake
    lay(written, [trade(0)])
    (file,) = table.list_files(table.open_table(written))
    assert folders.find_files(written, "date=*/hour=*/*.parquet") == [written / file.path]
    assert folders.find_files(written, "*.parquet") == folders.find_files(written / "none", "*") == []
    given = {
        "has no bucket nobody-has-this": {"shared": "s3://nobody-has-this/x"},
        "refused .*correct WHALE_S3_KEY and WHALE_S3_SECRET": {"s3_key": "AKIANOBODY"},
        "see WHALE_S3_ENDPOINT": {"s3_endpoint": f"http://127.0.0.1:{free_port()}"},
    }
    for words, settings in given.items():
        root = Settings.model_validate({"home": tmp_path, **settings}).trades_lake
        for use in (table_exists, table.create_table, table.open_table):
            with pytest.raises(LakeError, match=words) as refused:
                use(root)
            assert SECRET not in str(refused.value)
        with pytest.raises(ObjectStoreError, match=words):
            folders.find_files(root, "date=*/hour=*/*.parquet")
    reader = Settings(home=tmp_path, s3_key=READER).trades_lake
    assert ids(reader) == [("BTCUSDT", 0)]
    with pytest.raises(LakeError, match="refused"):
        lay(reader, [trade(1)])

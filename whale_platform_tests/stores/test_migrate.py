from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue, catalogue_path
from whale_platform.domain.whale import build_threshold_periods, find_limits
from whale_platform.files.atomic_files import write_json
from whale_platform.stores import migrate as module
from whale_platform.stores.asset_tables.thresholds import read_threshold_history, set_threshold
from whale_platform.stores.errors import InvalidDsnError, SchemaMismatchError, SchemaNewerError, StoreUnavailableError
from whale_platform.stores.migrate import migrate
from whale_platform.stores.postgres.connection import open_transaction
from whale_platform.stores.stream_tables.partitions import ensure_days
from whale_platform.supervision.runtime import exit_codes
from whale_platform_tests.stores.builders import START, read_thresholds
from whale_platform_tests.support.postgres_server import PostgresServer, query, settings_for

CLOSED = "postgresql://whale:s3cret@127.0.0.1:1/whale"


def test_a_second_run_changes_nothing(empty_database: str, tmp_path: Path) -> None:
    settings = settings_for(empty_database, tmp_path)
    first = migrate(settings)
    assert first == "schema none -> 0020, 8 partitions made, default whale threshold set"
    assert migrate(settings) == "schema 0020"
    assert read_thresholds(empty_database) == [("*", "*", Decimal(50_000))]


def test_rows_from_before_get_the_currencies_that_are_known(empty_database: str, tmp_path: Path) -> None:
    """By the lists that the home keeps at this `up`, or at a later one; what no list has stays unknown."""
    settings = settings_for(empty_database, tmp_path)
    module.upgrade_schema(empty_database, "0005")
    names = ("BTCUSDT", "XRPRLUSD", "NEWBTC", "GONEXYZ")
    places = [*(("binance", name) for name in names), ("coinbase", "SKL-BTC")]
    with open_transaction(empty_database, "test") as conn, conn.cursor() as cursor:
        ensure_days(cursor, [START.date()])
        for exchange, symbol in places:
            numbers = "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1"
            cursor.execute(
                "INSERT INTO trade_windows (exchange, symbol, window_start, open, high, low, close, price_sum, volume,"
                " notional, buy_volume, trade_count, first_trade_id, last_trade_id, last_event_time, source, run_id,"
                f" updated_at) VALUES (%s, %s, %s, {numbers}, %s, 'live', 'r', %s)",
                (exchange, symbol, START, START, START),
            )
    kept = SymbolCatalogue([ListedPair("XRPRLUSD", "XRP", "RLUSD", "TRADING", True)], 1.0)
    write_json(catalogue_path(tmp_path, "binance"), kept.to_json())
    assert "currencies of 3 symbols filled" in migrate(settings)
    wanted = "SELECT symbol, base, quote, usd_via FROM trade_windows ORDER BY symbol"
    assert query(empty_database, wanted) == [
        ("BTCUSDT", "BTC", "USDT", "peg:USDT"),
        ("GONEXYZ", None, None, None),
        ("NEWBTC", None, None, None),
        ("SKL-BTC", "SKL", "BTC", None),
        ("XRPRLUSD", "XRP", "RLUSD", "peg:RLUSD"),
    ]
    kept.add(ListedPair("NEWBTC", "NEW", "BTC", "TRADING", True))
    write_json(catalogue_path(tmp_path, "binance"), kept.to_json())
    assert "currencies of 1 symbols filled" in migrate(settings)
    assert "filled" not in migrate(settings)
    assert query(empty_database, wanted)[2] == ("NEWBTC", "NEW", "BTC", None)


def test_a_changed_threshold_outlives_the_next_run(database: str, tmp_path: Path) -> None:
    set_threshold(database, "*", "*", Decimal("7.50"))
    migrate(settings_for(database, tmp_path))
    assert read_thresholds(database) == [("*", "*", Decimal("7.5"))]


def test_two_at_once_take_turns(empty_database: str, tmp_path: Path) -> None:
    settings = settings_for(empty_database, tmp_path)
    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(lambda _: migrate(settings), range(2)), key=lambda text: "none ->" in text)
    assert said[0].startswith("schema 0020")
    assert said[1].startswith("schema none -> 0020")


def test_a_newer_schema_is_refused_and_left_alone(database: str, tmp_path: Path) -> None:
    query(database, "UPDATE whale_schema_version SET version_num = '9999'")
    with pytest.raises(SchemaNewerError, match=r"schema 9999, this program knows up to 0020: update the program"):
        migrate(settings_for(database, tmp_path))
    assert query(database, "SELECT version_num FROM whale_schema_version") == [("9999",)]


def test_a_failed_upgrade_leaves_nothing_behind(empty_database: str, tmp_path: Path) -> None:
    query(empty_database, "CREATE TABLE stream_losses (in_the_way int)")
    with pytest.raises(SchemaMismatchError, match="already exists"):
        migrate(settings_for(empty_database, tmp_path))
    assert query(empty_database, "SELECT to_regclass('trade_windows'), to_regclass('whale_schema_version')") == [
        (None, None)
    ]


def test_every_table_and_window_column_is_documented(database: str) -> None:
    silent = query(
        database,
        """
        SELECT c.relname, a.attname FROM pg_class c LEFT JOIN pg_attribute a
            ON a.attrelid = c.oid AND a.attnum > 0 AND c.relname = 'trade_windows'
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
            AND c.relname <> 'whale_schema_version'
            AND (obj_description(c.oid) IS NULL OR a.attnum IS NOT NULL AND col_description(c.oid, a.attnum) IS NULL)
        """,
    )
    assert silent == []


def test_the_command_ends_with_one_line(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    assert module.main() == exit_codes.CLEAN
    assert capsys.readouterr().err.startswith("migrate: schema 0020 (postgresql://whale@127.0.0.1:")
    query(database, "UPDATE whale_schema_version SET version_num = '9999'")
    assert module.main() == exit_codes.BLOCKED
    said = capsys.readouterr().err
    assert "update the program" in said
    assert said.count("\n") == 1


def test_a_database_that_is_away_is_worth_another_try(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", CLOSED)
    assert module.main(wait_s=0) == exit_codes.RETRY
    said = capsys.readouterr().err
    assert "Connection refused" in said
    assert "s3cret" not in said
    assert said.count("\n") == 1


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WHALE_THRESHOLD_USD", "-5")
    with pytest.raises(SystemExit) as ended:
        module.main(wait_s=0)
    assert ended.value.code == exit_codes.BLOCKED
    assert capsys.readouterr().err.startswith("migrate: WHALE_THRESHOLD_USD=-5: Input should be greater")


def test_a_dsn_nobody_can_read_blocks_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(InvalidDsnError) as caught:
        migrate(settings_for("postgresql://x/whale?s3cret", tmp_path), wait_s=0)
    assert "s3cret" not in str(caught.value)


def test_a_dsn_that_is_no_uri_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="must be a URI, as postgresql://") as caught:
        settings_for("host=x password=s3cret", tmp_path)
    assert "s3cret" not in str(caught.value)
    assert settings_for("postgres://me:s3cret@x/whale", tmp_path).dsn() == "postgresql://me:s3cret@x/whale"


def test_a_piece_of_an_unescaped_password_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        migrate(settings_for("postgresql://whale:pa@s3cret@127.0.0.1:1/whale", tmp_path), wait_s=0)
    assert "s3cret" not in str(caught.value)


def test_what_it_waits_for_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "LOG_AFTER_S", 0.0)
    with pytest.raises(StoreUnavailableError):
        migrate(settings_for("postgresql://whale@127.0.0.1:1/whale", tmp_path), wait_s=1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("migrate: waiting for the database: connection to server at")


@pytest.mark.process
def test_it_waits_for_a_database_that_is_still_starting(own_postgres: PostgresServer, tmp_path: Path) -> None:
    dsn = own_postgres.create_database()
    own_postgres.kill()
    with ThreadPoolExecutor(1) as pool:
        migrated = pool.submit(migrate, settings_for(dsn, tmp_path), 60)
        own_postgres.start()
        assert migrated.result(300).startswith("schema none -> 0020")


def test_what_held_before_the_history_began_is_told_by_the_whales(empty_database: str, tmp_path: Path) -> None:
    """Raised for all and set for one symbol since: no whale of before is none by what holds today.

    Nor was a trade a whale that was not found: where the time of a change is unknown, the higher threshold holds.
    """
    module.upgrade_schema(empty_database, "0006")
    change = START + timedelta(hours=5)
    raised = "INSERT INTO whale_thresholds (exchange, symbol, threshold_usd, updated_at) VALUES (%s, %s, %s, %s)"
    for place, usd in ((("*", "*"), 500_000), (("binance", "ETHUSDT"), 90_000)):
        query(empty_database, raised, *place, usd, change)
    suggested = raised.replace("updated_at)", "updated_at, origin)").replace("%s)", "%s, 'suggested')")
    for symbol, usd in (("XRPUSDT", 80_000), ("ADAUSDT", 30_000)):
        query(empty_database, suggested, "binance", symbol, usd, change)
    with open_transaction(empty_database, "test") as conn, conn.cursor() as cursor:
        ensure_days(cursor, [START.date()])
        cursor.execute(
            "INSERT INTO trade_windows (exchange, symbol, window_start, open, high, low, close, price_sum, volume, "
            "notional, buy_volume, trade_count, first_trade_id, last_trade_id, last_event_time, source, run_id, "
            "updated_at) VALUES ('binance', 'DOTUSDT', %s, 1, 1, 1, 1, 1, 1, 700000.5, 1, 1, 1, 1, %s, 'live', '', %s)",
            (START, START, START),
        )
    found = [
        *(("XRPUSDT", hour, usd) for hour, usd in ((0, 50_000), (1, 60_000), (8, 80_000))),
        *(("ADAUSDT", hour, usd) for hour, usd in ((0, 50_000), (8, 30_000))),
        *(("BTCUSDT", hour, usd) for hour, usd in ((0, 50_000), (1, 50_000), (2, 20_000), (3, 50_000), (6, 500_000))),
        *(("ETHUSDT", hour, usd) for hour, usd in ((0, 50_000), (7, 90_000))),
        ("SOLUSDT", 8, 500_000),
    ]
    for number, (symbol, hour, usd) in enumerate(found):
        query(
            empty_database,
            "INSERT INTO whale_alerts (exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, "
            "threshold_usd, event_time, received_time, detected_time, source, run_id) VALUES "
            "('binance', %s, 'single_trade', %s, 'buy', 1, 600000, 600000, %s, %s, %s, %s, 'live', 'r')",
            *(symbol, number, usd, *[START + timedelta(hours=hour)] * 3),
        )
    migrate(settings_for(empty_database, tmp_path))
    limits = build_threshold_periods(read_threshold_history(empty_database), Decimal(7))

    def held(symbol: str, hour: float) -> Decimal | None:
        at = START + timedelta(hours=hour)
        found = find_limits(limits, "binance", symbol, at)
        return None if found is None else found.whale

    assert {(symbol, hour): held(symbol, hour) for symbol, hour, _ in found} == {
        (symbol, hour): usd for symbol, hour, usd in found
    }
    assert [held("BTCUSDT", hour) for hour in (-9, 1.5, 2.5, 4.9, 5, 99)] == [
        *(50_000, 50_000, 50_000, 50_000),
        *(500_000, 500_000),
    ]
    assert [held("ETHUSDT", hour) for hour in (-9, 4.9, 5)] == [50_000, 50_000, 90_000]
    assert [held("SOLUSDT", hour) for hour in (-9, 99)] == [500_000, 500_000]
    assert [held("XRPUSDT", hour) for hour in (-9, 0.5, 1.5, 4, 99)] == [50_000, 60_000, 80_000, 80_000, 80_000]
    assert [held("ADAUSDT", hour) for hour in (-9, 4, 5)] == [50_000, 50_000, 30_000]
    assert [held("DOTUSDT", hour) for hour in (-9, 0, 4.9, 5)] == [
        *(500_000, Decimal("700001.5"), Decimal("700001.5")),
        500_000,
    ], "no whale was found, so none of its trades was one"

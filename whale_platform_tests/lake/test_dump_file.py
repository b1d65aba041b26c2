"""Dumps of Binance as they are and as they should not be: read exactly, or refused with the file, the line and why."""

import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from whale_platform.bench.storage.dump_import import generate_dump, pack_dump
from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.exchanges import symbols
from whale_platform.exchanges.registry import DUMPS
from whale_platform.lake.errors import InvalidDumpError, LakeError
from whale_platform.lake.imports import dump_file, dump_loader
from whale_platform.lake.imports.dump_loader import LoadedDump

COLUMNS = DUMPS["binance"].kinds
DAY = datetime(2024, 8, 8, tzinfo=UTC)
MS = int(DAY.timestamp()) * 1000
NAME = "BTCUSDT-trades-2024-08-08.zip"
GOOD = [f"{n},61837.63000000,0.00200000,123.67526000,{MS + n},True,True" for n in range(3)]


def load(path: Path) -> LoadedDump:
    folder = path.parent / "work"
    folder.mkdir(exist_ok=True)
    return dump_loader.load_dump(
        dump_file.parse_dump_name("binance", path, symbols.build_splitter(SymbolCatalogue(), ())),
        folder,
        lambda what, done, of: None,
    )


def made(folder: Path, lines: list[str], name: str = NAME) -> Path:
    pack_dump(folder / name, lines)
    return folder / name


@pytest.mark.parametrize("kind", ["trades", "aggTrades"])
@pytest.mark.parametrize("micros", [False, True])
@pytest.mark.parametrize("header", [False, True])
def test_both_kinds_both_eras_header_or_not(tmp_path: Path, kind: str, micros: bool, header: bool) -> None:
    found = load(generate_dump(tmp_path, 500, kind=kind, micros=micros, header=header))
    assert found.checked
    assert found.unit == (1 if micros else 1000)
    assert [hour.hour for hour, _ in found.hours] == list(range(24))
    assert sum(fills for _, fills in found.hours) == 500
    assert found.rows == 500 if kind == "trades" else found.rows < 500


def test_a_name_says_what_is_in_the_file(tmp_path: Path) -> None:
    path = made(tmp_path, GOOD, "ETHFDUSD-aggTrades-2024-02.zip")
    found = dump_file.parse_dump_name("binance", path, symbols.build_splitter(SymbolCatalogue(), ("ETH/FDUSD",)))
    assert (found.base, found.quote, found.kind) == ("ETH", "FDUSD", "aggTrades")
    assert (found.start, found.end) == (datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("BTCUSDT-klines-2024-08-08.zip", "is not named like"),
        ("BTCUSDT-trades-2024-08-08.csv", "is not named like"),
        ("BTCUSDT-trades-2024-02-30.zip", "a day that does not exist"),
        ("BTCQQQ-trades-2024-08-08.zip", "is not in the exchange.s list"),
    ],
)
def test_another_name_is_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(InvalidDumpError, match=why):
        dump_file.parse_dump_name("binance", made(tmp_path, GOOD, name), symbols.build_splitter(SymbolCatalogue(), ()))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDumpError, match="is not there: give the path"):
        dump_file.parse_dump_name("binance", tmp_path / NAME, symbols.build_splitter(SymbolCatalogue(), ()))


def test_the_checksum_is_checked_where_there_is_one(tmp_path: Path) -> None:
    path = made(tmp_path, GOOD)
    beside = path.with_name(f"{path.name}.CHECKSUM")
    right = beside.read_text()
    assert load(path).checked
    beside.unlink()
    assert not load(path).checked
    beside.write_text(f"{'0' * 64}  {path.name}\n")
    with pytest.raises(InvalidDumpError, match="is not what its CHECKSUM file says: download both again; nothing"):
        load(path)
    for wrong in ("", "hello", right.replace("BTC", "ETH")):
        beside.write_text(wrong)
        with pytest.raises(InvalidDumpError, match="has a CHECKSUM file that is not"):
            load(path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def flip(path: Path) -> None:
    found = bytearray(path.read_bytes())
    found[len(found) // 2] ^= 0xFF
    path.write_bytes(found)


def other_member(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.csv", "1")


def second_member(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(archive.namelist()[0], "1")


def nothing(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [cut, flip, other_member, second_member, nothing])
def test_a_broken_zip_is_refused(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = generate_dump(tmp_path, 2000)
    harm(path)
    path.with_name(f"{path.name}.CHECKSUM").unlink()
    with pytest.raises(InvalidDumpError, match=r"broken zip|must hold"):
        load(path)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"7,1.0,1.0,1.0,{MS},True", "line 4 is not id,price"),
        (f"7,1.0,1.0,1.0,{MS},True,True,1", "line 4 is not id,price"),
        (f"7.5,1.0,1.0,1.0,{MS},True,True", "line 4 is not id,price.*: 7.5,1.0"),
        (f"-7,1.0,1.0,1.0,{MS},True,True", "line 4 is not id,price"),
        (f",1.0,1.0,1.0,{MS},True,True", "line 4 is not id,price"),
        (f"7,1e3,1.0,1.0,{MS},True,True", "line 4 is not id,price"),
        (f"7,NaN,1.0,1.0,{MS},True,True", "line 4 is not id,price"),
        (f"7,1.0,0.1234567890123456789,1.0,{MS},True,True", "line 4 is not id,price"),
        (f"7,1.0,1.0,1.0,{MS},yes,True", "line 4 is not id,price"),
        (f"7,0.0,1.0,1.0,{MS},True,True", "line 4 has a price that can't be"),
        (f"7,1000000001,1.0,1.0,{MS},True,True", "line 4 has a price that can't be"),
        (f"7,1.0,0.000,1.0,{MS},True,True", "line 4 has a quantity that can't be"),
        (f"7,1.0,1000000000000001,1.0,{MS},True,True", "line 4 has a quantity that can't be"),
        (f"7,1000000,1000001,1.0,{MS},True,True", "line 4 has an amount that can't be"),
        (f"7,1.0000000001,1.0000000001,1.0,{MS},True,True", "line 4 has more decimals"),
        (f"7,1.0,1.0,1.0,{MS + 86_400_000},True,True", "line 4 has a time outside 2024-08-08 to 2024-08-09"),
        (f"7,1.0,1.0,1.0,{MS - 1},True,True", "line 4 has a time outside"),
        (f"7,1.0,1.0,1.0,{MS * 1000},True,True", "line 1 mixes milliseconds and microseconds"),
        (f"2,1.0,1.0,1.0,{MS},True,True", "line 4 has an id that line 3 has too, with another content"),
        (f"0,1.0,1.0,1.0,{MS},True,True", "line 4 has an id that line 1 has too"),
        ("", "line 4 is empty"),
    ],
)
def test_one_bad_line_spoils_the_file_and_is_named(tmp_path: Path, line: str, why: str) -> None:
    path = made(tmp_path, [*GOOD, line, f"9,1.0,1.0,1.0,{MS},True,True"])
    with pytest.raises(InvalidDumpError, match=f"{NAME}, {why}.*nothing of it was imported"):
        load(path)


def test_a_bad_line_deep_in_a_file_is_named(tmp_path: Path) -> None:
    lines = [str(COLUMNS["trades"])]
    lines += [f"{n},61837.63000000,0.00200000,123.67526000,{MS + n // 10},True,True" for n in range(300_000)]
    lines[234_567] = lines[234_567].replace("61837", "6l837")
    with pytest.raises(InvalidDumpError, match=r"line 234,568 is not id,price.*6l837"):
        load(made(tmp_path, lines))
    lines[234_567] = "1,2"
    with pytest.raises(InvalidDumpError, match="line 234,568 is not id,price"):
        load(made(tmp_path, lines))


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ("id,price,qty,quote_qty,time,is_buyer_maker", "other columns than spot trades"),
        ("a,b,c,d,e,f,g", "neither a trade nor the names"),
        (str(COLUMNS["aggTrades"]), "other columns than spot trades"),
    ],
)
def test_futures_and_other_columns_are_refused(tmp_path: Path, first: str, why: str) -> None:
    with pytest.raises(InvalidDumpError, match=f"line 1 has {why}|line 1 is {why}"):
        load(made(tmp_path, [first, *GOOD]))


@pytest.mark.parametrize("lines", [[], [str(COLUMNS["trades"])]])
def test_a_file_without_trades_is_refused(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(InvalidDumpError, match="holds no trades"):
        load(made(tmp_path, lines))


def test_copies_in_folders_are_left_alone(tmp_path: Path) -> None:
    path = made(tmp_path, GOOD)
    with zipfile.ZipFile(path, "a") as archive:
        archive.mkdir("home")
        archive.writestr(f"home/{archive.namelist()[0]}", "\n".join(GOOD[:1]))
    path.with_name(f"{path.name}.CHECKSUM").unlink()
    assert load(path).rows == 3


@pytest.mark.parametrize("name", [NAME, NAME.replace("trades", "aggTrades")])
def test_lines_that_are_repeated_count_once(tmp_path: Path, name: str) -> None:
    rows = GOOD if name == NAME else [f"{n},1.0,1.0,{10 * n},{10 * n + 9},{MS},True,True" for n in (1, 2, 3)]
    found = load(made(tmp_path, [rows[0], rows[2], rows[1], rows[2], *rows], name))
    assert (found.rows, found.repeated) == (3, 4)
    with duckdb.connect() as connection:
        ids = connection.execute(f"SELECT first FROM '{found.file}'").fetchall()
    assert [number for (number,) in ids] == [int(rows[at].split(",")[0 if name == NAME else 3]) for at in (0, 2, 1)]
    assert sum(fills for _, fills in found.hours) == (3 if name == NAME else 30)


def test_ids_in_another_order_are_fine(tmp_path: Path) -> None:
    assert load(made(tmp_path, GOOD[::-1])).rows == 3


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (f"2,1.0,1.0,12,14,{MS},True,True", "line 2 has an id that line 1 has too"),
        (f"1,1.0,1.0,13,14,{MS},True,True", "line 2 has an id that line 1 has too"),
        (f"2,1.0,1.0,14,13,{MS},True,True", "line 2 has trade ids that can't be"),
        (f"2,1.0,1.0,13,9999999999,{MS},True,True", "line 2 has trade ids that can't be"),
        (f"2,1.0,1.0,-1,-1,{MS},True,True", "line 2 is not aggTradeId"),
    ],
)
def test_aggregates_must_not_share_trades(tmp_path: Path, second: str, why: str) -> None:
    with pytest.raises(InvalidDumpError, match=why):
        load(made(tmp_path, [f"1,1.0,1.0,10,12,{MS},True,True", second], NAME.replace("trades", "aggTrades")))


@pytest.mark.parametrize(
    ("price", "quantity"),
    [
        ("0.000000000001", "999999999999999.000001"),
        ("0.00000123456789", "98765432101.25"),
        ("123456789.123456789", "0.000000001"),
        ("0.00000001", "10000000000.00000000"),
        ("999999999", "0.000000000000000001"),
    ],
)
def test_products_beyond_eight_decimals_are_exact(tmp_path: Path, price: str, quantity: str) -> None:
    found = load(made(tmp_path, [f"1,{price},{quantity},1,{MS},True,True"]))
    row = duckdb.execute(f"SELECT price, quantity, {dump_loader.build_notional_wide()} FROM '{found.file}'").fetchone()
    assert row == (Decimal(price), Decimal(quantity), Decimal(price) * Decimal(quantity))


def test_usual_numbers_need_no_wide_product(tmp_path: Path) -> None:
    found = load(made(tmp_path, GOOD))
    assert duckdb.execute(f"SELECT count({dump_loader.build_notional_wide()}) FROM '{found.file}'").fetchone() == (0,)


def test_a_refusal_is_an_error_of_the_lake() -> None:
    assert issubclass(InvalidDumpError, LakeError)


def test_currencies_come_from_the_exchange_s_list_or_are_given(tmp_path: Path) -> None:
    path = tmp_path / "XRPRLUSD-trades-2026-02-01.zip"
    path.touch()
    with pytest.raises(
        InvalidDumpError, match=r"not in the exchange's list of symbols.*--pair BASE/QUOTE.*let the ingester run"
    ):
        dump_file.parse_dump_name("binance", path, symbols.build_splitter(SymbolCatalogue(), ()))
    listed = SymbolCatalogue([ListedPair("XRPRLUSD", "XRP", "RLUSD", "TRADING", True)], 1.0)
    for split in (symbols.build_splitter(listed, ()), symbols.build_splitter(SymbolCatalogue(), ("xrp/rlusd",))):
        found = dump_file.parse_dump_name("binance", path, split)
        assert (found.base, found.quote) == ("XRP", "RLUSD")

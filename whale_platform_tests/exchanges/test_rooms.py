"""An exchange is a folder that is registered and complete, and no module of another room names one."""

import ast
import re
from pathlib import Path

from whale_platform.exchanges import registry
from whale_platform.exchanges.registry import DUMPS, EXCHANGES, SPECS

FOLDER = Path(registry.__file__).parent
EXAMPLES = {  # constants in other rooms that name an exchange
    "api/http/parameter_types.py": {"binance"},
    "api/models/units.py": {"binance"},
    "bench/detection/planted_world.py": {"binance", "coinbase", "kraken", "okx"},
    "cli/app.py": {"Comma-separated: BTC, BTCUSDT or binance:BTCUSDT."},
    "contracts/dead_letter.py": {"binance"},
    "contracts/ingest_gap.py": {"binance", "binance:BTCUSDT:12"},
    "contracts/raw_trade.py": {"binance:BTCUSDT", "coinbase"},
    "contracts/trade_window.py": {"binance", "binance:BTCUSDT"},
    "contracts/whale_alert.py": {"binance", "binance:BTCUSDT"},
}


def find_words(tree: ast.AST, pattern: re.Pattern[str]) -> set[str]:
    """Names, and constants other than docstrings, that have `pattern` somewhere."""
    nodes = list(ast.walk(tree))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    words = {getattr(node, field, None) for node in nodes for field in ("id", "attr", "name", "module", "arg")}
    words |= {node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings}
    return {text for text in map(str, words) if pattern.search(text)}


def test_every_folder_of_an_exchange_is_registered_and_complete() -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/adapter.py")}
    assert folders == set(EXCHANGES)
    assert all((FOLDER / name / "simulator.py").is_file() for name in EXCHANGES)
    assert all((FOLDER / name / "dump_format.py").is_file() for name in DUMPS)
    assert [name for name in EXCHANGES if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name)] == []
    assert {name: spec.adapter().name for name, spec in SPECS.items()} == {name: name for name in EXCHANGES}
    assert len({spec.title for spec in SPECS.values()}) == len(EXCHANGES)


def test_no_other_room_names_an_exchange() -> None:
    """Neither by a name in the code nor within a text, but for docstrings and `EXAMPLES`."""
    rooms = [path for path in FOLDER.parent.rglob("*.py") if FOLDER not in path.parents]
    assert len(rooms) > 100
    found: dict[str, set[str]] = {}
    for path in rooms:
        words = find_words(ast.parse(path.read_text()), re.compile("|".join(EXCHANGES), re.IGNORECASE))
        if words:
            found[path.relative_to(FOLDER.parent).as_posix()] = words
    assert found == EXAMPLES


def test_an_exchange_is_found_within_a_text_and_not_in_a_docstring() -> None:
    code = "'of binance'\nx = f'wss://{host}.Coinbase.com'\ny = b'BINANCE_US'\nimport a.binance"
    assert find_words(ast.parse(code), re.compile("binance|coinbase", re.IGNORECASE)) == {
        ".Coinbase.com",
        "b'BINANCE_US'",
        "a.binance",
    }

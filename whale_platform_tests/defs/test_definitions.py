"""The definitions as Dagster and `dg` load them: what stands in the folder, and no work before they are loaded."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from whale_platform.definitions import defs
from whale_platform.defs.shared import code_versions
from whale_platform.settings import ROOT

DEFS = ROOT / "whale_platform" / "defs"
IMPORT = """
import importlib, json, pkgutil, sys
events = []
def record(event, args):
    if event.startswith(("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.", "os.exec", "os.fork")):
        events.append(event)
    if event in ("open", "os.listdir", "os.scandir") and args and str(args[0]).startswith(sys.argv[1]):
        events.append(f"{event} {args[0]}")
from whale_platform import settings
built = []
settings.Settings.__init__ = lambda *_, **__: built.append(1)
import dagster, dagster.components
sys.addaudithook(record)
from whale_platform import defs, definitions
names = [one.name for one in pkgutil.walk_packages(defs.__path__, "whale_platform.defs.")]
for name in names:
    importlib.import_module(name)
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"events": events, "settings": len(built), "modules": len(names), "loaded": loaded}))
"""
ONLY_IN_RUNS = {
    *("pyspark", "duckdb", "deltalake", "obstore", "upath", "fsspec"),
    *("numpy", "pandas", "pyarrow", "markdown_it", "fastapi", "uvicorn", "rich", "structlog", "websocket"),
}


def run(argv: list[str], cwd: Path, **env: str) -> str:
    """What a program prints, with the tests' own environment and `env`."""
    known = {**os.environ, "DAGSTER_DISABLE_TELEMETRY": "1", **env}
    done = subprocess.run(argv, env=known, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_importing_them_does_nothing_and_loads_nothing_that_only_a_run_needs(tmp_path: Path) -> None:
    argv = [sys.executable, "-W", "ignore", "-c", IMPORT, str(tmp_path)]
    home = {"WHALE_HOME": str(tmp_path), "WHALE_DAGSTER_INSTANCE": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}
    found = json.loads(run(argv, tmp_path, PYTHONPATH=str(ROOT), **home))
    assert (found["events"], found["settings"]) == ([], 0)
    assert ONLY_IN_RUNS & set(found["loaded"]) == set()
    assert found["modules"] == sum(path.name != "__init__.py" or path.parent != DEFS for path in DEFS.rglob("*.py"))


def decorated(node: ast.FunctionDef) -> bool:
    """Whether Dagster calls this function to load definitions."""
    return any(ast.unparse(decorator) == "dg.definitions" for decorator in node.decorator_list)


def settings_read(tree: ast.AST) -> int:
    """How often `Settings()` stands there."""
    return sum(isinstance(node, ast.Call) and ast.unparse(node) == "Settings()" for node in ast.walk(tree))


def test_settings_are_read_only_where_definitions_are_loaded() -> None:
    elsewhere = {}
    for path in DEFS.rglob("*.py"):
        tree = ast.parse(path.read_text())
        loads = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and decorated(node)]
        if count := settings_read(tree) - sum(map(settings_read, loads)):
            elsewhere[str(path.relative_to(DEFS))] = count
    assert elsewhere == {}


def test_what_dg_scaffolds_in_a_checkout_is_loaded(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "whale_platform", checkout / "whale_platform", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", checkout)
    (tmp_path / "dagster").mkdir()
    dg = [sys.executable, "-W", "ignore", "-m", "dagster_dg_cli.cli"]
    env = {"PYTHONPATH": str(checkout), "WHALE_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "dagster")}
    run([*dg, "scaffold", "defs", "dagster.asset", "reports/weekly.py"], checkout, **env)
    listed = json.loads(run([*dg, "list", "defs", "--json"], checkout, **env))
    keys = {one["asset_key"] for one in listed["assets"]}
    assert {"weekly", "hourly_rollups", "table/trade_windows"} <= keys, keys
    assert {"retention", "hourly_assets", "sink", "sink_stop"} <= {one["name"] for one in listed["jobs"]}


def test_an_asset_is_outdated_when_the_code_that_computes_it_changes_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "whale_platform").mkdir()
    for name in ("one", "other"):
        (tmp_path / "whale_platform" / f"{name}.py").write_text(f"{name} = 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_versions, "ROOT", tmp_path)
        first, other = (code_versions.hash_modules(f"whale_platform.{name}") for name in ("one", "other"))
        (tmp_path / "whale_platform" / "one.py").write_text("one = 2\n")
        assert code_versions.hash_modules("whale_platform.one") != first != other
        assert code_versions.hash_modules("whale_platform.other") == other


def test_every_asset_that_dagster_computes_has_a_code_version_of_its_own() -> None:
    graph = defs().resolve_asset_graph()
    versions = {key: graph.get(key).code_version for key in graph.materializable_asset_keys}
    assert len(versions) == 12 and None not in versions.values()
    assert len(set(versions.values())) == len(versions)

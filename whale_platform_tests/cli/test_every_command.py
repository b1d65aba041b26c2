"""What holds for every command there is, found by walking the tree: help, `--home`, clear words when nothing runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from whale_platform.cli import app as application
from whale_platform.cli.app import main
from whale_platform.homes import open_home
from whale_platform_tests.support.kafka_server import free_port

# What each command needs besides its name, where it needs anything; `up`, `import` and `bench` are tested elsewhere.
NEEDS = {
    "restart": ["sink"],
    "logs": ["sink"],
    "threshold set": ["BTC", "1000"],
    "threshold remove": ["BTCUSDT", "--exchange", "binance"],
    "api-key add": ["somebody"],
    "api-key remove": ["nobody"],
    "checkpoint archive": ["all"],
    "checkpoint reset": ["all"],
    "query": ["select count(*) from trade_windows"],
    "backtest": ["rules.toml", "--from", "2026-11-21", "--to", "2026-11-22"],
    "clusters": ["--from", "2026-11-21", "--to", "2026-11-22"],
    "robots": ["--from", "2026-11-21", "--to", "2026-11-22"],
    "export": ["trades", "out.csv", "--from", "2026-11-21", "--to", "2026-11-22"],
    "lake compact": ["2026-11-21T13:00"],
    "lake restore": ["2026-11-21T13:00"],
    "lake recompute": ["2026-11-21T13:00"],
    "psql": ["-c", "select 1"],
    "dagster": ["asset", "list"],
}


def leaves(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its name as typed."""
    if not hasattr(command, "list_commands"):
        yield name, command
        return
    context = typer.Context(command)
    for sub in command.list_commands(context):
        yield from leaves(command.get_command(context, sub), f"{name} {sub}".strip())


COMMANDS = dict(leaves(typer.main.get_command(application.app)))


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The CLI in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["whale", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_walk_finds_them() -> None:
    assert {"up", "status", "psql", "dagster", "lake show", "bench latency", "import"} <= set(COMMANDS)
    assert set(NEEDS) <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_it_has_help_and_takes_a_home(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, *name.split(), "--help") == 0
    shown = capsys.readouterr().out
    assert f"whale {name}" in shown
    assert "--home" in shown
    assert run(monkeypatch, *name.split(), "--home", str(tmp_path), "--help") == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_it_does_not_have_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, *name.split(), "--home", str(tmp_path), "--no-such-option") == 2
    said = capsys.readouterr().err
    if name in ("psql", "dagster"):
        assert said.startswith(f"whale: nothing has run in {tmp_path}"), "it is the other program's to refuse"
    else:
        assert "--no-such-option" in said


@pytest.mark.parametrize("name", [name for name in COMMANDS if name.split()[0] not in ("up", "import", "bench")])
def test_in_a_home_where_nothing_runs_it_says_so(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for variable in [variable for variable in os.environ if variable.startswith("WHALE_")]:
        monkeypatch.delenv(variable)
    for service in ("KAFKA", "POSTGRES"):
        monkeypatch.setenv(f"WHALE_{service}_PORT", str(free_port()))
    monkeypatch.setenv("WHALE_EXCHANGES", "binance")
    for variable in ("WHALE_BINANCE_WS_URL", "WHALE_BINANCE_REST_URL"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    monkeypatch.chdir(tmp_path)
    home = open_home(tmp_path / "base", "simulator")
    code = run(monkeypatch, *name.split(), "--home", str(home.path), *NEEDS.get(name, []))
    said = capsys.readouterr()
    assert code in (0, 1, 2, 3), said.err
    assert "Traceback" not in said.err and "Errno" not in said.err + said.out
    if code == 2:
        assert said.err.strip().splitlines()[-1].startswith("whale: ")


def test_the_home_after_psql_is_ours_and_the_rest_is_psqls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = open_home(tmp_path / "base", "live")
    became: list[list[str]] = []

    def become(_: str, argv: list[str], __: dict[str, str]) -> None:
        became.append(argv)
        raise SystemExit(0)

    monkeypatch.setenv("WHALE_POSTGRES_DSN", "postgresql://me:secret@db/whale")
    monkeypatch.setattr(os, "execvpe", become)
    run(monkeypatch, "psql", "--home", str(home.path), "-Atc", "select 1", "--home", "x", "--help")
    run(monkeypatch, "psql", f"--home={home.path}", "--", "--help")
    assert [argv[3:] for argv in became] == [["-Atc", "select 1", "--home", "x", "--help"], ["--help"]]


def test_a_home_before_the_command_is_told_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--home", "there", "status") == 2
    assert capsys.readouterr().err == "whale: --home comes after the command: `whale status --home there`\n"


def test_the_version_names_the_commit_and_sets_nothing_up(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    commit = subprocess.run(["git", "-C", str(root), "rev-parse", "--short=8", "HEAD"], capture_output=True, text=True)
    environment = {**os.environ, "WHALE_TOOLS": str(tmp_path / "tools")}
    for program in ([str(root / "whale")], [sys.executable, "-P", "-m", "whale_platform.cli"]):
        said = subprocess.run([*program, "--version"], capture_output=True, text=True, env=environment, check=True)
        assert said.stdout.startswith("whale 0.")
        assert commit.stdout.strip() in said.stdout
    assert not (tmp_path / "tools").exists()

"""`./whale check` and `./whale test`: which tools run, what is shown of them and with which exit code it ends."""

import re
import sys
from pathlib import Path

import pytest

from whale_platform.bootstrap import checks
from whale_platform_tests.bootstrap.conftest import Checkout

NAMES = [" ".join(tool) for tool in checks.CHECKS]


def install(folder: Path, **codes: int) -> None:
    """Put stand-ins into `folder` that print how they were called and end with these exit codes, else with 0."""
    for name in ("ruff", "mypy", "lint-imports"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho {name} says $*\nexit {codes.get(name.replace('-', '_'), 0)}\n")
        program.chmod(0o755)


def told(output: str) -> list[tuple[str, str]]:
    """(passed or failed, tool) of each line about a tool, sorted."""
    return sorted(re.findall(r"^(passed|failed) +\d+\.\d s  (.+)$", output, re.MULTILINE))


def test_a_check_runs_every_tool_and_shows_what_the_failed_ones_said(checkout: Checkout) -> None:
    checkout.whale("check")
    assert checkout.calls() == ["venv", "requirements-dev.lock"]
    install(checkout.root / ".venv" / "bin", mypy=3)
    done = checkout.whale("check")
    assert done.returncode == 1
    assert told(done.stdout) == sorted(("failed" if name == "mypy" else "passed", name) for name in NAMES)
    assert "mypy says" in done.stdout and "ruff says" not in done.stdout
    install(checkout.root / ".venv" / "bin")
    assert checkout.whale("check").returncode == 0


@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["--fixx"], 2), (["--fix", "whale_platform"], 2)])
def test_a_check_explains_itself_and_runs_nothing(tmp_path: Path, words: list[str], code: int) -> None:
    assert checks.check(tmp_path, tmp_path / "no such python", words) == code


def test_a_formatting_fault_fails_the_check_and_is_mended_by_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    programs, tree = tmp_path / "bin", tmp_path / "tree"
    for folder in (programs, tree):
        folder.mkdir()
    install(programs)
    (programs / "ruff").unlink()
    (programs / "ruff").symlink_to(Path(sys.executable).with_name("ruff"))
    faulty = tree / "faulty.py"
    faulty.write_text("import os\nx = [1,2]\n")

    assert checks.check(tree, programs / "python", []) == 1
    said = capsys.readouterr().out
    assert [name for outcome, name in told(said) if outcome == "failed"] == ["ruff check .", "ruff format --check ."]
    assert "`os` imported but unused" in said and "1 file would be reformatted" in said

    assert checks.check(tree, programs / "python", ["--fix"]) == 0
    assert faulty.read_text() == "x = [1, 2]\n"


@pytest.mark.parametrize(("mypy", "pytest_", "code"), [(3, 5, 1), (0, 5, 5), (3, 0, 1), (0, 0, 0)])
def test_pytest_runs_beside_the_tools_and_what_failed_is_named_last(
    checkout: Checkout, mypy: int, pytest_: int, code: int
) -> None:
    checkout.whale("test")
    programs = checkout.root / ".venv" / "bin"
    install(programs, mypy=mypy)
    (programs / "python").write_text(f"#!/bin/sh\necho python $*\nexit {pytest_}\n")
    done = checkout.whale("test", "--fast", "-k", "x")
    assert done.returncode == code
    assert sorted(name for _, name in told(done.stdout)) == sorted(NAMES)
    assert "python -m pytest -m not server and not process and not e2e -k x" in done.stdout.splitlines()
    assert (done.stdout.splitlines()[-1] == "failed: mypy (see above)") == bool(mypy)

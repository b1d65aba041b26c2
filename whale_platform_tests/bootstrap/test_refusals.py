"""What `./whale` can't do: each is one line that says what to do."""

import ast
import errno
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from whale_platform.bootstrap import environment, tool_runner
from whale_platform.bootstrap.paths import CheckoutPaths, SetupError
from whale_platform_tests.bootstrap.conftest import ROOT, Checkout

OLD = """
import runpy, sys
sys.version_info = (3, 9, 2)
sys.argv = {argv!r}
runpy.run_path({script!r}, run_name="__main__")
"""


def run_as_old_python(checkout: Checkout, path: str) -> "subprocess.CompletedProcess[str]":
    script = str(checkout.root / "whale")
    program = OLD.format(argv=[script, "up"], script=script)
    return subprocess.run([sys.executable, "-c", program], env={"PATH": path}, capture_output=True, text=True)


def test_an_old_python_is_told_which_one_is_needed(checkout: Checkout) -> None:
    done = run_as_old_python(checkout, str(checkout.bin))
    assert done.returncode == 1
    assert done.stderr.startswith("whale: Python 3.11 or newer is needed, this is 3.9: install")
    assert done.stderr.count("\n") == 1


def test_an_old_python_steps_aside_for_a_newer_one_on_the_path(checkout: Checkout) -> None:
    newer = checkout.bin / "python3.12"
    newer.write_text('#!/bin/sh\necho newer "$@"\n')
    newer.chmod(0o755)
    done = run_as_old_python(checkout, str(checkout.bin))
    assert done.stdout == f"newer {checkout.root / 'whale'} up\n"


def test_the_script_parses_on_old_pythons() -> None:
    tree = ast.parse((ROOT / "whale").read_text(), feature_version=(3, 7))
    newer_than_python_2 = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Nonlocal, ast.Starred)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer_than_python_2)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.returns]


@pytest.fixture
def places(tmp_path: Path) -> CheckoutPaths:
    return CheckoutPaths(tmp_path, tmp_path / "tools")


def test_too_small_a_disk(places: CheckoutPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**11, 10**11 - 10**9, 10**9))
    with pytest.raises(SetupError, match=r"needs 3\.2 GB of disk, .* has 1\.0 GB free"):
        environment.ensure_setup(places, "run")
    assert not places.venv.exists()


@pytest.mark.parametrize(
    ("number", "line"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "can't write"), (errno.EACCES, "can't write")],
)
def test_a_disk_that_is_full_or_read_only(
    places: CheckoutPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, line: str
) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert environment.run_setup(places, "run") == 1
    said = capsys.readouterr().err
    assert said.startswith(f"whale: {line}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("error: failed to write\n  cause: No space left on device (os error 28)\n", "the disk is full"),
        ("error: Hash mismatch for `x==1`\n Expected: a\n Computed: b\n", "not the pinned file"),
        (
            "error: fetch\n  ╰─▶ dns error: failed to lookup\nhint: try again\n",
            r"failed \(dns error: failed to lookup\)",
        ),
        ("", r"failed \(exit code 2\)"),
    ],
)
def test_what_a_tool_said_becomes_one_line(places: CheckoutPaths, output: str, line: str) -> None:
    assert re.match("installing: .*" + line, tool_runner.explain_failure(places, "installing", output, 2))


def test_without_uv_and_pip_there_is_one_line(places: CheckoutPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    places.tools.mkdir()
    monkeypatch.setenv("PATH", str(places.root))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SetupError, match="neither uv nor pip is here"):
        environment.find_uv(places)

"""`./whale check` and `./whale test`: the static tools side by side, and the tests beside them.

Everything runs even after a failure. What a tool prints is held until it ends, so that no two are mixed; it is printed
between what pytest prints, and a tool that failed is named once more below pytest's summary.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)
FIXES = (("ruff", "check", "--fix-only", "."), ("ruff", "format", "."))  # they write files: one after the other
FAST_OPTIONS = ["-m", "not server and not process and not e2e"]
PARALLEL_OPTIONS = ["-n", "2"]  # with more each waits longer, and what runs while it waits takes CPU
USAGE = """Usage: whale check [--fix]

  Run ruff, mypy and import-linter, as `whale test` does before the tests. Exit code 1 if one of them fails.

  --fix  Let ruff mend and format the files first."""


def check(root: Path, python: Path, args: list[str]) -> int:
    """Run the static tools. Returns 0, 1 where one of them fails, 2 for an unknown argument."""
    if args == ["--help"]:
        print(USAGE)
        return 0
    if args not in ([], ["--fix"]):
        print(USAGE, file=sys.stderr)
        return 2
    if args:
        for fix in FIXES:
            _run(root, python, fix)
    return _run_checks(root, python)


def test(root: Path, python: Path, args: list[str]) -> int:
    """Run the static tools beside pytest. Returns 1 where a tool fails, else pytest's exit code.

    `--fast` leaves out the tests that start or kill processes. Two tests run at a time; with arguments of pytest's
    own one does, after the tools, so that `-s` and a debugger work.
    """
    fast = "--fast" in args
    rest = [arg for arg in args if arg != "--fast"] or PARALLEL_OPTIONS
    argv = [str(python), "-m", "pytest", *(FAST_OPTIONS if fast else []), *rest]
    print(f"== {' '.join(argv[2:])}", flush=True)
    with ThreadPoolExecutor(len(CHECKS)) as threads:
        codes: Iterable[int] = threads.map(lambda tool: _run(root, python, tool), CHECKS)
        if rest != PARALLEL_OPTIONS:
            codes = list(codes)  # nothing is printed into a debugger
        code = subprocess.run(argv, cwd=root).returncode
        failed = [" ".join(tool) for tool, one in zip(CHECKS, codes, strict=True) if one]
    for name in failed:
        print(f"failed: {name} (see above)", flush=True)
    return 1 if failed else code


def _run_checks(root: Path, python: Path) -> int:
    with ThreadPoolExecutor(len(CHECKS)) as threads:
        codes = list(threads.map(lambda tool: _run(root, python, tool), CHECKS))
    return 1 if any(codes) else 0


def _run(root: Path, python: Path, tool: Sequence[str]) -> int:
    """Run one tool of the environment; print its line, with its seconds, and what it said where it failed."""
    program, *options = tool
    started = time.monotonic()
    colour = {"FORCE_COLOR": "1"} if sys.stdout.isatty() else {}
    done = subprocess.run(
        [python.with_name(program), *options],
        cwd=root,
        env={**os.environ, **colour},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    outcome = "failed" if done.returncode else "passed"
    line = f"{outcome}  {time.monotonic() - started:6.1f} s  {' '.join(tool)}\n"
    print(line + (done.stdout if done.returncode else ""), end="", flush=True)
    return done.returncode

"""`./whale test`: the checks and the tests, everything run even after a failure, pytest's summary printed last."""

import subprocess
import sys
from pathlib import Path

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)
FAST = ["-m", "not server and not process and not e2e"]
PARALLEL = ["-n", "2"]  # much of a server test is waiting: two at a time fit two cores


def run(root: Path, python: Path, args: list[str]) -> int:
    """Exit code of the first that failed, else 0. `--fast` leaves out the tests that start or kill processes.

    Two tests run at a time; with arguments of pytest's own one does, so that `-s` and a debugger work.
    """
    fast = "--fast" in args
    rest = [arg for arg in args if arg != "--fast"] or PARALLEL
    codes = [_step(root, [str(python.with_name(program)), *options]) for program, *options in CHECKS]
    codes.append(_step(root, [str(python), "-m", "pytest", *(FAST if fast else []), *rest]))
    return next((code for code in codes if code), 0)


def _step(root: Path, argv: list[str]) -> int:
    print(f"== {Path(argv[0]).name} {' '.join(argv[1:])}", file=sys.stderr, flush=True)
    return subprocess.run(argv, cwd=root).returncode

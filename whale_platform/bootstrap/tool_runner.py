"""Running uv and pip: their output to the log, a line of progress to stderr, one clear line where they fail."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from whale_platform.bootstrap.paths import CheckoutPaths, SetupError

REPORT_EVERY_S = 10.0
_PARENT_WATCH = Path(__file__).parent.parent / "supervision" / "processes" / "parent_watch.py"
_DISK_FULL = ("no space left", "os error 28", "errno 28", "disk quota exceeded")
_WRONG_HASH = ("hash mismatch", "do not match the hashes", "doesn't match")


def report_line(line: str) -> None:
    """Progress, to stderr: stdout belongs to the command's own output."""
    print(f"whale: {line}", file=sys.stderr, flush=True)


def run_tool(paths: CheckoutPaths, task: str, argv: Sequence[str | Path]) -> None:
    """Run one tool. Raises SetupError naming `task`, the reason and the log. The tool ends when this process does."""
    watched = [sys.executable, str(_PARENT_WATCH), "SIGKILL", *map(str, argv)]
    started = time.monotonic()
    report_line(f"{task} …")
    with paths.log.open("a+", errors="replace") as log:
        log.write(f"\n$ {' '.join(map(str, argv))}\n")
        log.flush()
        start = log.seek(0, os.SEEK_END)
        child = subprocess.Popen(watched, cwd=paths.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        done = threading.Event()
        threading.Thread(target=_report_progress, args=(paths.log, start, done, started), daemon=True).start()
        try:
            code = child.wait()
        finally:
            done.set()
        if code:
            log.seek(start)
            raise SetupError(explain_failure(paths, task, log.read(), code))
    report_line(f"{task}: done in {time.monotonic() - started:.0f} s")


def explain_failure(paths: CheckoutPaths, task: str, output: str, code: int) -> str:
    """The one line for a tool that failed with `code` after printing `output`."""
    low = output.lower()
    lines = [line.strip(" ×│├╰─▶:→>") for line in output.splitlines() if line.strip()]
    if any(mark in low for mark in _DISK_FULL):
        return f"{task}: the disk is full: free some space and run ./whale again, it goes on where it stopped"
    if any(mark in low for mark in _WRONG_HASH):
        return f"{task}: a download is not the pinned file (wrong hash): do not trust that source; see {paths.log}"
    reason = next((line for line in reversed(lines) if not line.lower().startswith("hint")), f"exit code {code}")
    return (
        f"{task}: failed ({reason[:200]}): check the network and run ./whale again, it goes on where it stopped; "
        f"details in {paths.log}"
    )


def _report_progress(log: Path, start: int, ended: threading.Event, started: float) -> None:
    while not ended.wait(REPORT_EVERY_S):
        with log.open(errors="replace") as file:
            file.seek(start)
            last = [line.strip() for line in file if line.strip()][-1:]
        report_line(f"  {time.monotonic() - started:.0f} s {last[0][:90] if last else ''}")

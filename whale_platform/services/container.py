"""`python -m whale_platform.services.container PART`: one of Dagster's processes as a container's main process.

Makes its database and files first. The code server's shifts end well before it does when the container is stopped:
give it `stop_grace_period: 60s`. Ends with the part's own exit code.
"""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from whale_platform.embedded import dagster
from whale_platform.settings import Settings
from whale_platform.supervision import leash, shift
from whale_platform.supervision.process import child_environment

DRAIN_S = 45.0


def main(part: str) -> int:
    """Run it until SIGTERM; returns its exit code."""
    if part not in dagster.PARTS:
        print(f"there is no part {part!a}: one of {', '.join(dagster.PARTS)}", file=sys.stderr)
        return 2
    settings = Settings()
    home = settings.home.resolve()
    dagster.prepare(settings)
    leash.die_with_parent(signal.SIGTERM)
    if part == dagster.CODE:
        shift.let_begin(home)
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    argv = [sys.executable, "-m", "whale_platform.embedded.dagster", part]
    with subprocess.Popen(argv, env=child_environment(part, home, {})) as child:
        while child.poll() is None and not asked.wait(0.2):
            pass
        if part == dagster.CODE and child.poll() is None:
            _drain(home)
        child.terminate()
    return 0 if asked.is_set() else child.returncode


def _drain(home: Path) -> None:
    deadline = time.monotonic() + DRAIN_S
    while not shift.ask_to_end(home) and time.monotonic() < deadline:
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

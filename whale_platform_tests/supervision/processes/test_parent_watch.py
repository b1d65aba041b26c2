"""A child ends when it is told to, whatever its ancestors had ignored."""

import signal
import subprocess
import sys

import pytest

from whale_platform.settings import ROOT

LAUNCHER = ("sh", "-c", 'trap "" INT TERM; exec "$@"', "sh")
LEASH = (sys.executable, "-m", "whale_platform.supervision.processes.parent_watch", "SIGTERM")


@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_the_platform_was_started_without_count_again(ends: signal.Signals) -> None:
    program = ("sh", "-c", f"kill -{ends.name.removeprefix('SIG')} $$; echo still here")
    done = subprocess.run([*LAUNCHER, *LEASH, *program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-ends, "")

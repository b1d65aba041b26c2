"""A signal ends whoever waits for it, at whatever moment it comes."""

import subprocess
import sys

import pytest

HOLDING = """
import os, signal, sys, threading
from whale_platform.supervision.processes.stop_signals import on_stop_signal
stop = threading.Event()
on_stop_signal(stop.set)
with stop._cond:  # as `Event.wait` holds it for a moment in each turn of a loop
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
print("stopped" if stop.wait(300) else "went on")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_that_comes_while_the_main_thread_holds_the_events_lock_ends_it(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOLDING, name], capture_output=True, text=True, timeout=600, check=True
    )
    assert done.stdout == "stopped\n"

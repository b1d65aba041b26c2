"""Stepping back, in a process of its own. A file stands for the kernel's; where that groups sessions, its own too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from whale_platform.settings import ROOT
from whale_platform.supervision.processes.priority import AUTOGROUP, lower_group_priority

SCRIPT = """
import os, sys
from pathlib import Path
from whale_platform.supervision.processes.priority import lower_priority
group = Path(sys.argv[1])
before = os.nice(0)
lower_priority(3, group)
print(os.nice(0) - before, os.nice(0), *(group.read_text().split()[-1:] if group.exists() else []))
"""


def step(group: Path, leads: bool) -> list[str]:
    """What a process that steps back by 3 says: how far it went, its nice value, its session's where that is told."""
    words = [sys.executable, "-c", SCRIPT, str(group)]
    done = subprocess.run(words, cwd=ROOT, start_new_session=leads, capture_output=True, text=True, check=True)
    return done.stdout.split()


THREADED = """
import threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("ready", flush=True)
time.sleep(60)
"""


def test_another_process_s_group_steps_back_with_all_its_threads() -> None:
    words = [sys.executable, "-c", THREADED]
    with subprocess.Popen(words, start_new_session=True, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"ready\n"
        before = os.getpriority(os.PRIO_PROCESS, other.pid)
        for wanted in (before + 3, before):
            lower_group_priority(other.pid, wanted)
            threads = [int(path.name) for path in Path(f"/proc/{other.pid}/task").iterdir()]
            assert len(threads) == 2
            assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads} == {before + 3}, "never lowered"
        other.kill()
    lower_group_priority(other.pid, 3)


@pytest.mark.parametrize("leads", [True, False])
def test_a_session_s_leader_takes_its_session_along_and_nobody_else_does(tmp_path: Path, leads: bool) -> None:
    group = tmp_path / "autogroup"
    group.write_text("")
    stepped, nice, *session = step(group, leads)
    assert stepped == "3"
    assert session == ([nice] if leads else [])


def test_where_the_kernel_groups_sessions_it_takes_the_value() -> None:
    if not AUTOGROUP.exists() or not AUTOGROUP.read_text().strip():  # a kernel without it, or where it is switched off
        pytest.skip("this kernel does not group processes by session (autogroup)")
    _, nice, session = step(AUTOGROUP, leads=True)
    assert session == nice


def test_where_there_is_no_such_file_a_leader_steps_back_all_the_same(tmp_path: Path) -> None:
    stepped, *_ = step(tmp_path / "another system" / "autogroup", leads=True)
    assert stepped == "3"

"""Programs run before a service starts: judged by what they do."""

import subprocess
import sys

import pytest

from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import priority, setup_programs

pytestmark = pytest.mark.process
WAITS_TO_GIVE_WAY = """
import os, pathlib, time
while "nice 7" not in pathlib.Path("/proc/self/autogroup").read_text():
    time.sleep(0.01)
print(os.nice(0))
"""
GIVES_WAY = f"""
import os, sys
from whale_platform.supervision.processes import setup_programs
os.nice(7)
print(setup_programs.run_program((sys.executable, "-c", {WAITS_TO_GIVE_WAY!r}), idle_limit_s=20.0).stdout.strip())
"""
WORK = "import sys, time\nwhile time.process_time() < 2: pass\nprint(sys.stdin.read()); sys.exit(3)"


def test_a_step_takes_as_long_as_it_works_and_gets_what_is_given() -> None:
    done = setup_programs.run_program((sys.executable, "-c", WORK), "some SQL", idle_limit_s=1.0)
    assert (done.returncode, done.stdout.strip()) == (3, "some SQL")


def test_a_step_that_does_nothing_is_ended() -> None:
    with pytest.raises(SetupProgramError, match="sleep stood still for 1 s and was ended"):
        setup_programs.run_program(("sleep", "600"), idle_limit_s=1.0)


@pytest.mark.skipif(not priority.AUTOGROUP.exists(), reason="this kernel does not group processes by session")
def test_one_that_is_started_by_who_gives_way_gives_way_too() -> None:
    done = subprocess.run((sys.executable, "-c", GIVES_WAY), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "7"

"""Programs run before a service starts: judged by what they do."""

import sys

import pytest

from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import setup_programs

pytestmark = pytest.mark.process
WORK = "import sys, time\nwhile time.process_time() < 2: pass\nprint(sys.stdin.read()); sys.exit(3)"


def test_a_step_takes_as_long_as_it_works_and_gets_what_is_given() -> None:
    done = setup_programs.run_program((sys.executable, "-c", WORK), "some SQL", idle_limit_s=1.0)
    assert (done.returncode, done.stdout.strip()) == (3, "some SQL")


def test_a_step_that_does_nothing_is_ended() -> None:
    with pytest.raises(SetupProgramError, match="sleep stood still for 1 s and was ended"):
        setup_programs.run_program(("sleep", "600"), idle_limit_s=1.0)

"""A lock that keeps long work apart, on a real database: who holds it, who hears of it, and how it ends."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from whale_platform.stores.errors import AdvisoryLockHeldError
from whale_platform.stores.postgres.advisory_lock import hold_advisory_lock
from whale_platform_tests.support.postgres_server import query

WHAT = "another recomputation from the lake"
HOLD = """
import sys
from whale_platform.stores.postgres.advisory_lock import hold_advisory_lock
with hold_advisory_lock(sys.argv[1], sys.argv[2], "recompute-1"):
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_told_who_the_first_is_and_has_it_once_that_is_killed(database: str) -> None:
    command, pipe = [sys.executable, "-c", HOLD, database, WHAT], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as first:
        assert first.stdout is not None and first.stdout.readline() == b"holds\n"
        with (
            pytest.raises(AdvisoryLockHeldError, match=f"{WHAT} is under way: recompute-1"),
            hold_advisory_lock(database, WHAT, "second"),
        ):
            pass
        with hold_advisory_lock(database, "something else", "third"):
            pass
        open_for = "SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE application_name = 'recompute-1'"
        assert query(database, open_for) == [(True,)], "no vacuum waits for it"
        heard: list[str] = []

        def hear(why: str) -> None:
            if not heard:
                os.kill(first.pid, signal.SIGKILL)
            heard.append(why)

        with hold_advisory_lock(database, WHAT, "second", hear):
            assert heard[0] == f"{WHAT} is under way: recompute-1"


def test_never_two_are_at_it(database: str) -> None:
    inside, most = list[int](), list[int]()

    def work(number: int) -> None:
        with hold_advisory_lock(database, WHAT, f"worker {number}", lambda _: None):
            inside.append(number)
            most.append(len(inside))
            query(database, "SELECT pg_sleep(0.05)")
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4

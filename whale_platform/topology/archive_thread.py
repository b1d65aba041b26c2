"""Has the broker's class data archive made once the platform is ready, so that no start waits for it.

The program that makes it runs at the lowest priority and ends with the supervisor. What keeps it from being made is
logged, and nothing more: without an archive a broker starts as well, in twice the CPU time.
"""

import sys
import threading
import time

import structlog

from whale_platform import homes
from whale_platform.embedded import kafka
from whale_platform.settings import Settings
from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import setup_programs
from whale_platform.toolchain.errors import ToolchainError
from whale_platform.topology import home_state

LOOK_EVERY_S = 5.0
MAKER = (sys.executable, "-m", "whale_platform.embedded.broker_archive")


def start_archive_thread(settings: Settings) -> threading.Thread | None:
    """Start the daemon thread; None where the home has no broker of its own."""
    if settings.kafka_bootstrap is not None:
        return None
    thread = threading.Thread(target=_make_when_ready, args=(settings,), name="class-archive", daemon=True)
    thread.start()
    return thread


def _make_when_ready(settings: Settings) -> None:
    log = structlog.get_logger()
    try:
        if kafka.find_archive(settings.tools).is_settled() or (home := homes.read_home(settings.home)) is None:
            return
        while home_state.status_exit_code(home_state.take_snapshot(home)) != home_state.ALL_READY:
            time.sleep(LOOK_EVERY_S)
        done = setup_programs.run_program(MAKER)
    except (ToolchainError, SetupProgramError, OSError) as error:
        log.info("the broker's class data archive is not made", why=str(error))
        return
    log.info("the broker's class data archive", exit_code=done.returncode, said=done.stderr.strip())

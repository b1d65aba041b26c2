"""Has the JVMs' class data archives made while the platform runs, so that no start waits for them.

The broker's is made when all is ready, the one of Spark's driver when that has run for some minutes: by then it has
listed what it needs, and a platform that is stopped soon does not repay it. The programs run at the lowest priority and
end with the supervisor. What keeps an archive from being made is logged, and nothing more: without one a JVM starts as
well, with more CPU time.
"""

import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import structlog

from whale_platform import homes
from whale_platform.embedded import kafka
from whale_platform.setting_values import is_local_master
from whale_platform.settings import Settings
from whale_platform.stream.spark import archive
from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import setup_programs
from whale_platform.toolchain.errors import ToolchainError
from whale_platform.topology import home_state

LOOK_EVERY_S = 5.0
SPARK_AFTER_S = 300.0
_PYTHON = (sys.executable, "-m")
BROKER_MAKER = (*_PYTHON, "whale_platform.embedded.broker_archive")
SPARK_MAKER = (*_PYTHON, "whale_platform.stream.spark.archive")


def start_archive_thread(settings: Settings) -> threading.Thread:
    """Start the daemon thread that makes what the home's own JVMs lack."""
    thread = threading.Thread(target=_make_archives, args=(settings,), name="class-archives", daemon=True)
    thread.start()
    return thread


def _make_archives(settings: Settings) -> None:
    log = structlog.get_logger()
    try:
        if (home := homes.read_home(settings.home)) is None:
            return
        if settings.kafka_bootstrap is None and not kafka.find_archive(settings.tools).is_settled():
            _await_ready(home)
            _make(log, BROKER_MAKER)
        if is_local_master(settings.spark_master) and not archive.find_archive(settings.tools).is_settled():
            listed = archive.ListedClasses(settings.home)
            while (listed.measure_age_s() or 0.0) < SPARK_AFTER_S:  # of a driver that restarts all of it again
                time.sleep(LOOK_EVERY_S)
            _make(log, (*SPARK_MAKER, str(settings.tools), str(settings.home)))
    except (ToolchainError, SetupProgramError, OSError) as error:
        log.info("a class data archive is not made", why=str(error))


def _await_ready(home: homes.Home) -> None:
    while home_state.status_exit_code(home_state.take_snapshot(home)) != home_state.ALL_READY:
        time.sleep(LOOK_EVERY_S)


def _make(log: Any, maker: Sequence[str]) -> None:
    done = setup_programs.run_program(maker)
    log.info("class data archive", made_by=maker[2], exit_code=done.returncode, said=done.stderr.strip())

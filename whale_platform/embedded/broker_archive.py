"""`python -m whale_platform.embedded.broker_archive`: makes the broker's class data archive where it does not fit.

A broker of its own, on free ports and in a folder that is deleted afterwards, does once what every start does, so that
Java can list its classes. Whatever fails here costs later starts a second of CPU and nothing else: it is one line, and
exit code 1.
"""

import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from whale_platform.broker import topics
from whale_platform.broker.errors import BrokerError
from whale_platform.embedded import kafka
from whale_platform.embedded.errors import EmbeddedServerError
from whale_platform.settings import Settings
from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import priority
from whale_platform.toolchain.errors import ToolchainError

NICE = 19


def ensure_archive(tools: Path) -> None:
    """Make the archive in `tools` where it is absent or does not fit, which takes some 12 CPU seconds.

    Raises ToolchainError, SetupProgramError, BrokerError or OSError where the broker or the disk fails.
    """
    found = kafka.find_archive(tools)
    home = found.file.with_suffix(".home")

    def train(options: Sequence[str]) -> None:
        shutil.rmtree(home, ignore_errors=True)  # of one that was killed
        try:
            _run_broker(tools, home, options)
        finally:
            shutil.rmtree(home, ignore_errors=True)

    found.ensure_made(train)


def _run_broker(tools: Path, home: Path, options: Sequence[str]) -> None:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        ports = {"kafka_port": one.getsockname()[1], "kafka_controller_port": other.getsockname()[1]}
        settings = Settings.model_validate({"home": home, "tools": tools, "kafka_bootstrap": None, **ports})
        kafka.prepare_broker(settings)
        one.close()
        other.close()
        command, quiet = kafka.broker_command(settings, options), subprocess.DEVNULL
        broker = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            while not topics.is_reachable(settings.bootstrap):
                if broker.poll() is not None:
                    raise EmbeddedServerError(f"the broker to learn from ended with code {broker.returncode}")
            topics.create_topics(settings.bootstrap, partitions=2)
            broker.send_signal(kafka.STOP_SIGNAL)
            broker.wait()
        finally:
            broker.kill()
            broker.wait()


def main() -> int:
    """0 where the archive is there or can't be made of this Java; else 1. Gives way to all else that wants the CPU."""
    priority.lower_priority(NICE)
    try:
        ensure_archive(Settings().tools)
    except (ToolchainError, SetupProgramError, BrokerError, OSError) as error:
        print(f"no class data archive of the broker: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m whale_platform.services.container SERVICE`: one service as a container, kept by a supervisor of its own.

The supervisor is the one of `whale up` with a single service: it ends what hangs, starts again what has ended, obeys
`stop`, `start` and `restart`, and publishes how the service is into the home, a volume that all containers share. So
`whale status`, Dagster's jobs and the health check say of a container what they say anywhere. What the engine starts
again is this process, should it be killed. Exit code 78 where the settings or the home can't work.
"""

import os
import sys
from dataclasses import replace
from functools import partial

from whale_platform import disk, homes, loopback
from whale_platform.homes import HomeError
from whale_platform.services.specs import about, specs
from whale_platform.supervision import codes, logs
from whale_platform.supervision.given import read_settings
from whale_platform.supervision.lease import LeaseRefused
from whale_platform.supervision.logkeeper import LogKeeper
from whale_platform.supervision.published import part_of
from whale_platform.supervision.supervisor import Supervisor

MEASURES_DISK = "stream"  # it writes the lake, the largest of what lies in the volume


def main(service: str) -> int:
    """Keep `service` until told to end; returns the exit code."""
    loopback.spare()
    settings = read_settings(service)
    logs.configure(settings.log_level)
    os.umask(0o077)
    try:
        homes.claim(settings.home, settings.source, settings.replay_files, settings.replay_times)
    except HomeError as error:
        print(f"{service}: {error}", file=sys.stderr)
        return codes.BLOCKED
    own = {spec.name: replace(spec, needs=()) for spec in specs(settings) if not spec.one_shot}
    if service not in own:
        print(f"there is no service {service!a} here: one of {', '.join(own)}", file=sys.stderr)
        return codes.BLOCKED
    if service == MEASURES_DISK:
        disk.watch(settings.home, settings.trades_lake.parent, settings.stream_home)
    try:
        keeper = partial(LogKeeper, echo=True)
        Supervisor(settings.home, [own[service]], about(settings), keeper, name=part_of(service)).run()
    except LeaseRefused as refused:
        print(refused, file=sys.stderr)
        return codes.LEASE_REFUSED
    return codes.CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""`python -m whale_platform.topology.container SERVICE`: one service as a container, kept by a supervisor of its own.

The supervisor is the one of `whale up` with a single service: it ends what hangs, starts again what has ended, obeys
`stop`, `start` and `restart`, and publishes how the service is into the home, a volume that all containers share. So
`whale status`, Dagster's jobs and the health check say of a container what they say anywhere. What the engine starts
again is this process, should it be killed. Exit code 78 where the settings or the home can't work.
"""

import os
import sys
from dataclasses import replace
from functools import partial

from whale_platform import homes, proxy_bypass
from whale_platform.files import disk_usage
from whale_platform.homes import HomeError
from whale_platform.supervision.control.state_files import own_supervisor_name
from whale_platform.supervision.errors import LeaseRefusedError
from whale_platform.supervision.processes.log_pipes import LogPipes
from whale_platform.supervision.runtime import exit_codes, log_setup
from whale_platform.supervision.runtime.settings_reader import read_settings
from whale_platform.supervision.supervisor import Supervisor
from whale_platform.topology.specs import build_specs, describe_home

MEASURES_DISK = "stream"  # it writes the lake, the largest of what lies in the volume


def main(service: str) -> int:
    """Keep `service` until told to end; returns the exit code."""
    proxy_bypass.bypass_proxies()
    settings = read_settings(service)
    log_setup.configure_logging(settings.log_level)
    os.umask(0o077)
    try:
        homes.claim_home(settings.home, settings.source, settings.replay_files, settings.replay_times)
    except HomeError as error:
        print(f"{service}: {error}", file=sys.stderr)
        return exit_codes.BLOCKED
    own = {spec.name: replace(spec, needs=()) for spec in build_specs(settings) if not spec.one_shot}
    if service not in own:
        print(f"there is no service {service!a} here: one of {', '.join(own)}", file=sys.stderr)
        return exit_codes.BLOCKED
    if service == MEASURES_DISK:
        disk_usage.start_measuring(settings.home, settings.local_lake, settings.local_stream_home)
    try:
        make_log_pipes = partial(LogPipes, echo=True)
        Supervisor(
            settings.home, [own[service]], describe_home(settings), make_log_pipes, name=own_supervisor_name(service)
        ).run()
    except LeaseRefusedError as refused:
        print(refused, file=sys.stderr)
        return exit_codes.LEASE_REFUSED
    return exit_codes.CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

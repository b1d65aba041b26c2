"""`python -m whale_platform.services`: the supervisor of one home, by the settings in its environment.

Ends with one line on stderr and code 76 where the home is already supervised, 78 where the settings can't work.
"""

import os
import sys

from whale_platform import disk, loopback
from whale_platform.services.specs import about, specs
from whale_platform.supervision import codes, logs
from whale_platform.supervision.given import read_settings
from whale_platform.supervision.lease import LeaseRefused
from whale_platform.supervision.supervisor import Supervisor


def main() -> int:
    """Supervise until told to stop; returns the exit code."""
    loopback.spare()
    settings = read_settings("services")
    settings = settings.model_copy(update={"home": settings.home.resolve()})
    logs.configure(settings.log_level)
    if settings.lake is None and settings.shared is None:  # what lies elsewhere may be there for others to read
        os.umask(0o077)
    disk.watch(settings.home, settings.trades_lake.parent, settings.stream_home)
    try:
        Supervisor(settings.home, specs(settings), about(settings)).run()
    except LeaseRefused as refused:
        print(refused, file=sys.stderr)
        return codes.LEASE_REFUSED
    return codes.CLEAN


if __name__ == "__main__":
    sys.exit(main())

"""`python -m whale_platform.topology`: the supervisor of one home, by the settings in its environment.

Ends with one line on stderr and code 76 where the home is already supervised, 78 where the settings can't work.
"""

import os
import sys
from pathlib import Path

from whale_platform import proxy_bypass
from whale_platform.files import disk_usage
from whale_platform.supervision.errors import LeaseRefusedError
from whale_platform.supervision.runtime import exit_codes, log_setup
from whale_platform.supervision.runtime.settings_reader import read_settings
from whale_platform.supervision.supervisor import Supervisor
from whale_platform.topology import archive_thread
from whale_platform.topology.specs import build_specs, describe_home


def main() -> int:
    """Supervise until told to stop; returns the exit code."""
    proxy_bypass.bypass_proxies()
    settings = read_settings("services")
    settings = settings.model_copy(update={"home": settings.home.resolve()})
    log_setup.configure_logging(settings.log_level)
    if not isinstance(settings.lake or settings.shared, Path):  # what lies elsewhere may be there for others to read
        os.umask(0o077)
    disk_usage.start_measuring(settings.home, settings.local_lake, settings.local_stream_home)
    archive_thread.start_archive_thread(settings)
    try:
        Supervisor(settings.home, build_specs(settings), describe_home(settings)).run()
    except LeaseRefusedError as refused:
        print(refused, file=sys.stderr)
        return exit_codes.LEASE_REFUSED
    return exit_codes.CLEAN


if __name__ == "__main__":
    sys.exit(main())

"""`python -m whale_platform.services.container PART`: one of Dagster's processes as a container's main process.

Makes its database and files first, then becomes that part, which Docker stops by SIGTERM.
"""

import sys

from whale_platform.embedded import dagster
from whale_platform.settings import Settings


def main(part: str) -> int:
    """Become `part`; returns only where there is no such part."""
    if part in dagster.PARTS:
        dagster.prepare(Settings())
        dagster.main(part)
    print(f"there is no part {part!a}: one of {', '.join(dagster.PARTS)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""`whale status` without the command-line framework, whose import alone takes longer than an answer may take."""

import argparse
import json
from pathlib import Path

from whale_platform.cli.common.context import require_home
from whale_platform.topology import home_state

COMMAND_NAME = "status"


def show_status(home: Path | None, as_json: bool) -> int:
    """Print it; returns the exit code. Raises UserError where nothing has run yet."""
    now = home_state.take_snapshot(require_home(home))
    if as_json:
        print(json.dumps(now, indent=2))
    else:
        from rich.console import Console

        from whale_platform.cli.inspection import screen

        screen.print_status(Console(), now)
    return home_state.status_exit_code(now)


def main(argv: list[str]) -> int:
    """`status [--home DIR] [--json]`."""
    parser = argparse.ArgumentParser(
        "whale status",
        allow_abbrev=False,
        description="How everything is. Exit code: 0 all ready, 3 not running, 4 something is not ready.",
    )
    parser.add_argument("--home", type=Path, metavar="DIR", help="folder of the platform's state")
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    given = parser.parse_args(argv)
    return show_status(given.home, given.json)

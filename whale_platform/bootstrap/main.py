"""The way from `./whale ARGS` to the CLI inside the environment."""

import os
from pathlib import Path
from typing import NoReturn

from whale_platform.bootstrap import environment, tool
from whale_platform.bootstrap.places import Places, SetupFailed

ROOT = Path(__file__).resolve().parent.parent.parent


def main(argv: list[str]) -> int:
    """Set up where needed, then run the tests or become the CLI. Returns an exit code."""
    places = Places.of(ROOT)
    testing = argv[:1] == ["test"]
    try:
        environment.ensure(places, "dev" if testing else "run")
    except SetupFailed as failed:
        tool.say(str(failed))
        return 1
    except KeyboardInterrupt:
        tool.say("set-up stopped: run ./whale again, it goes on where it stopped")
        return 130
    if testing:
        from whale_platform.bootstrap import checks  # only here: the other ways need no millisecond for it

        return checks.run(places.root, places.python, argv[1:])
    _become_cli(places, argv or ["--help"])


def _become_cli(places: Places, argv: list[str]) -> NoReturn:
    os.environ["WHALE_TOOLS"] = str(places.tools)
    os.execv(places.python, [str(places.python), "-P", "-m", "whale_platform.cli", *argv])

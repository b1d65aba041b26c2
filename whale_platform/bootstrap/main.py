"""From `./whale ARGS` to the CLI inside the environment."""

import os
from pathlib import Path
from typing import NoReturn

from whale_platform import proxy_bypass
from whale_platform.bootstrap import setup_stamps
from whale_platform.bootstrap.paths import CheckoutPaths
from whale_platform.version import version_text

ROOT = Path(__file__).resolve().parent.parent.parent


def main(argv: list[str]) -> int:
    """Set up where needed (not for `--version`), then run checks or tests, or become the CLI. Returns an exit code."""
    proxy_bypass.bypass_proxies()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a start is a dozen processes: each would compile all it imports
    if argv[:1] == ["--version"]:
        print(f"whale {version_text()}")
        return 0
    places = CheckoutPaths.of_checkout(ROOT)
    developing = argv[:1] in (["check"], ["test"])
    kind: setup_stamps.SetupKind = "dev" if developing else "run"
    if not (setup_stamps.is_environment_current(places, kind) and setup_stamps.are_tools_current(places, kind)):
        from whale_platform.bootstrap import environment  # only here: a current set-up shall not pay for it

        if code := environment.run_setup(places, kind):
            return code
    if developing:
        from whale_platform.bootstrap import checks

        command = checks.check if argv[0] == "check" else checks.test
        return command(places.root, places.python, argv[1:])
    return _become_cli(places, argv or ["--help"])


def _become_cli(paths: CheckoutPaths, argv: list[str]) -> NoReturn:
    os.environ["WHALE_TOOLS"] = str(paths.tools)
    os.execv(paths.python, [str(paths.python), "-P", "-m", "whale_platform.cli", *argv])

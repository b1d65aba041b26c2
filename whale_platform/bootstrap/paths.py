"""Where the set-up keeps things in a checkout, and the error it ends with."""

import os
from pathlib import Path


class SetupError(Exception):
    """The set-up can't go on; the message is one clear line that says what to do."""


class CheckoutPaths:
    """A checkout's folders and files; `root` is absolute, `tools` holds what no wheel brings, and the log."""

    def __init__(self, root: Path, tools: Path) -> None:
        self.root = root
        self.tools = tools

    @classmethod
    def of_checkout(cls, root: Path) -> "CheckoutPaths":
        """Those of a checkout; WHALE_TOOLS moves the tools."""
        return cls(root, Path(os.environ.get("WHALE_TOOLS") or root / ".whale" / "tools").absolute())

    @property
    def state(self) -> Path:
        """Where homes and the set-up's lock lie."""
        return self.root / ".whale"

    @property
    def venv(self) -> Path:
        """Return the folder of the virtual environment."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """Return the environment's interpreter."""
        return self.venv / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """Written when the environment is whole, removed before it is touched."""
        return self.venv / "whale.json"

    @property
    def jar_stamp(self) -> Path:
        """Written by toolchain.setup when Java and every jar are there."""
        return self.tools / "jars" / "stamp"

    @property
    def jar_list(self) -> Path:
        """The list whose hash stands in the jar stamp."""
        return self.root / "whale_platform" / "toolchain" / "jars.toml"

    @property
    def web_stamp(self) -> Path:
        """Written by toolchain.web_assets when the browser's files are there; it is deleted with them."""
        return self.tools / "web" / "node_modules" / ".whale.json"

    @property
    def web_lock(self) -> Path:
        """The lock whose hash stands in the web stamp."""
        return self.root / "package-lock.json"

    @property
    def log(self) -> Path:
        """What the tools printed."""
        return self.tools / "setup.log"

    @property
    def build_lock(self) -> Path:
        """The hashed tools of the set-up itself: uv, and setuptools, with which pyspark is built."""
        return self.root / "requirements-build.lock"

    def lock_file(self, kind: str) -> Path:
        """The hashed requirements of `kind` (run, dev)."""
        return self.root / ("requirements.lock" if kind == "run" else "requirements-dev.lock")

"""A scratch checkout with the real `./whale`, a stand-in for uv and stubs for what the environment would hold."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

# Notes each call; UV_FAKE says how it behaves: fail TEXT, or hang (its pid is noted first).
UV = """#!/bin/sh
echo "$*" >> "{calls}"
case "$1" in
--version) echo uv 1; exit 0;;
venv)
  mkdir -p "$4/bin" "$4/lib/python3/site-packages"
  printf '#!/bin/sh\\nPYTHONPATH="{root}" exec "{python}" "$@"\\n' > "$4/bin/python"
  chmod +x "$4/bin/python";;
pip)
  case "$UV_FAKE" in
  fail*) echo "$UV_FAKE"; exit 1;;
  hang) echo $$ > "{root}/uv.pid"; exec sleep 600;;
  slow) sleep 1;;
  esac;;
esac
"""
SETUP = """
import hashlib, json, os, pathlib, sys
def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
here, tools = pathlib.Path(__file__), pathlib.Path(os.environ["WHALE_TOOLS"])
for folder in ("jars", "web/node_modules"):
    (tools / folder).mkdir(parents=True, exist_ok=True)
(tools / "jars/stamp").write_text(digest(here.with_name("jars.toml")))
stamp = {"kind": sys.argv[1], "lock": digest(here.parents[2] / "package-lock.json")}
(tools / "web/node_modules/.whale.json").write_text(json.dumps(stamp))
with open(tools / "asked", "a") as asked:
    asked.write(sys.argv[1] + "\\n")
"""


class Checkout:
    """A scratch checkout at `root`."""

    def __init__(self, root: Path, bin_folder: Path) -> None:
        self.root = root
        self.bin = bin_folder
        self.calls_file = bin_folder / "calls"
        package = root / "whale_platform"
        for folder in ("toolchain", "cli"):
            (package / folder).mkdir(parents=True)
            (package / folder / "__init__.py").touch()
        shutil.copy(ROOT / "whale", root / "whale")
        for module in ("__init__.py", "proxy_bypass.py", "version.py"):
            shutil.copy(ROOT / "whale_platform" / module, package)
        for folder in ("bootstrap", "supervision"):
            shutil.copytree(ROOT / "whale_platform" / folder, package / folder)
        for name in ("requirements.lock", "requirements-dev.lock", "requirements-build.lock", "package-lock.json"):
            (root / name).write_text("nothing==1\n")
        (package / "toolchain" / "setup.py").write_text(SETUP)
        (package / "toolchain" / "jars.toml").write_text("[spark]\n")
        (package / "cli" / "__main__.py").write_text("import sys; print('cli', sys.argv[1:])\n")
        self.install_uv()

    def install_uv(self) -> None:
        """Put the stand-in on the path, for the checkout's present place."""
        program = self.bin / "uv"
        program.write_text(UV.format(calls=self.calls_file, root=self.root, python=sys.executable))
        program.chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        """The environment to run `./whale` in."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WHALE_")}
        return {**kept, "PATH": f"{self.bin}{os.pathsep}{os.defpath}", **more}

    def whale(self, *args: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run `./whale ARGS`."""
        command = [sys.executable, str(self.root / "whale"), *args]
        return subprocess.run(command, env=self.environment(**environment), capture_output=True, text=True)

    def set_up(self) -> list[str]:
        """The kinds for which the tools were set up, since the beginning."""
        return (self.root / ".whale" / "tools" / "asked").read_text().split()

    def calls(self) -> list[str]:
        """What uv was asked since the last time, without its version."""
        said = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        self.calls_file.unlink(missing_ok=True)
        return [line.split()[0] if line.startswith("venv") else Path(line.split()[-1]).name for line in said
                if line != "--version"]  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh clone, nothing set up, the disk large enough."""
    (tmp_path / "bin").mkdir()
    return Checkout(tmp_path / "clone", tmp_path / "bin")

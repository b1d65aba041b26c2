"""The dashboard's packages: npm installs what `package-lock.json` pins into `<tools>/web/node_modules`.

npm holds each package against the SHA-512 in the lock and runs no script of theirs. It ends well even where the disk is
full and files are cut short, so what it said is read too. The stamp lies inside `node_modules`: it is written last and
goes with the folder, so an interrupted, changed or deleted installation is repeated.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from whale_platform.files.file_lock import hold_lock
from whale_platform.settings import ROOT
from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import setup_programs
from whale_platform.toolchain import node
from whale_platform.toolchain.errors import ToolchainError
from whale_platform.toolchain.jars import sha256

WebAssetsKind = Literal["run", "dev"]
PACKAGE_FILES = ("package.json", "package-lock.json", ".npmrc")
_STILL_S = 300.0
_NO_ROOM = re.compile(r"\b(ENOSPC|EDQUOT)\b")
_CUT_SHORT = "TAR_ENTRY_ERROR"
_CODE = re.compile(r"^npm (?:error|ERR!) code (\S+)", re.MULTILINE)
_REASON = re.compile(r"^npm (?:error|ERR!) (?!code |syscall |errno |path |dest )(.+)", re.MULTILINE)


def node_modules_path(tools: Path) -> Path:
    """Where the packages lie once they are there."""
    return tools / "web" / "node_modules"


def ensure_web_assets(tools: Path, kind: WebAssetsKind, report: Callable[[str], None], root: Path = ROOT) -> None:
    """Make the packages of `root`'s lock stand in `tools`; `dev` adds what tests load, and is then kept up.

    Raises ToolchainError: npm is missing, or can't fetch, check or write them.
    """
    with hold_lock(tools / "web" / "lock"):
        stamp = node_modules_path(tools) / ".whale.json"
        had = _read_stamp(stamp)
        if had.get("kind") == "dev":
            kind = "dev"
        wanted = {"kind": kind, "lock": sha256(root / "package-lock.json")}
        if had == wanted:
            return
        report("fetching the browser's files (charts)")
        stamp.unlink(missing_ok=True)
        for name in PACKAGE_FILES:
            shutil.copyfile(root / name, tools / "web" / name)
        _install(tools, kind)
        fresh = stamp.with_suffix(".new")
        fresh.write_text(json.dumps(wanted))
        fresh.replace(stamp)
        size = sum(path.stat().st_size for path in node_modules_path(tools).rglob("*") if path.is_file())
        report(f"the browser's files: {size / 1e6:.1f} MB, hashes right")


def _install(tools: Path, kind: WebAssetsKind) -> None:
    command = [*node.find_npm(), "ci", "--ignore-scripts", "--loglevel=warn"]
    command.append("--include=dev" if kind == "dev" else "--omit=dev")
    bundle = os.environ.get("SSL_CERT_FILE")  # node shall trust what Python and uv trust (a company's proxy)
    env = {**({"NODE_EXTRA_CA_CERTS": bundle} if bundle else {}), **os.environ}
    with (tools / "setup.log").open("a+", errors="replace") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        start = log.seek(0, os.SEEK_END)
        try:
            code = setup_programs.run_fetcher(command, log, tools / "web", _STILL_S, cwd=tools / "web", env=env)
        except SetupProgramError as failed:
            raise _build_install_error(tools, str(failed)) from None
        log.seek(start)
        said = log.read()
    if code or _CUT_SHORT in said:
        raise _explain_failure(tools, said, code)


def _explain_failure(tools: Path, output: str, exit_code: int) -> ToolchainError:
    code = found[1] if (found := _CODE.search(output)) else ""
    if _NO_ROOM.search(output):
        return ToolchainError(f"the disk under {tools} or npm's cache is full: free some space and run ./whale again")
    if code == "EINTEGRITY":
        return ToolchainError(
            "a package is not the one that package-lock.json pins (wrong SHA-512): run ./whale again, and if it stays "
            f"so do not trust that source; details in {tools / 'setup.log'}"
        )
    if code == "EUSAGE":
        return ToolchainError("package.json and package-lock.json differ: run `npm install --package-lock-only`")
    return _build_install_error(
        tools, found[1][:200] if (found := _REASON.search(output)) else f"exit code {exit_code}"
    )


def _build_install_error(tools: Path, reason: str) -> ToolchainError:
    return ToolchainError(
        f"could not install the browser's files ({reason}): check the network and run ./whale again; "
        f"details in {tools / 'setup.log'}"
    )


def _read_stamp(stamp: Path) -> dict[str, str]:
    try:
        found = json.loads(stamp.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from whale_platform.settings import ROOT
from whale_platform.toolchain import jars, java, java_classes, node, setup, web_assets
from whale_platform.toolchain.errors import ToolchainError
from whale_platform_tests.support.embedded_servers import fetch_or_skip, wait_until
from whale_platform_tests.support.processes import ended

# Stands in for npm: notes what it was asked; FAKE_NPM says how it ends: CODE TEXT, or hang (its pid is noted first).
FAKE_NPM = """#!{python}
import os, pathlib, sys, time
if sys.argv[1] == "--version":
    sys.exit(print("11.0.0"))
with open("{folder}/asked", "a") as asked:
    asked.write(" ".join(sys.argv[1:]) + " " + os.environ.get("NODE_EXTRA_CA_CERTS", "") + "\\n")
pathlib.Path("node_modules/uplot").mkdir(parents=True, exist_ok=True)
how, _, text = os.environ.get("FAKE_NPM", "").partition(" ")
if how == "hang":
    pathlib.Path("{folder}/pid").write_text(str(os.getpid()) + "\\n")
    time.sleep(600)
print(text, file=sys.stderr)
sys.exit(int(how or 0))
"""
ENSURE = (
    "import sys, pathlib; from whale_platform.toolchain import web_assets; "
    "web_assets.ensure_web_assets(pathlib.Path(sys.argv[1]), 'run', print)"
)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with a stand-in for npm; no other program is there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "npm").write_text(FAKE_NPM.format(python=sys.executable, folder=folder))
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    for name in ("WHALE_NODE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.delenv(name, raising=False)
    node.npm_fits.cache_clear()
    return folder


def asked(fake: Path) -> list[str]:
    return [line.strip() for line in (fake / "asked").read_text().splitlines()]


def test_the_lock_pins_by_hash_what_the_list_names_and_no_host() -> None:
    text = (ROOT / "package-lock.json").read_text()
    lock, listed = json.loads(text), json.loads((ROOT / "package.json").read_text())
    root = lock["packages"].pop("")
    assert "://" not in text and "resolved" not in text
    for group in ("dependencies", "devDependencies"):
        assert root[group] == listed[group]
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in listed[group].values())
    assert all(one["integrity"].startswith("sha512-") for one in lock["packages"].values())
    assert listed["private"] is True


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout's lists, to be changed."""
    folder = tmp_path / "root"
    folder.mkdir()
    for name in web_assets.PACKAGE_FILES:
        shutil.copy(ROOT / name, folder)
    return folder


def test_installed_once_and_again_when_the_lock_changes_or_they_are_gone(
    fake: Path, tmp_path: Path, root: Path
) -> None:
    tools, said = tmp_path / "tools", list[str]()
    for _ in range(2):
        web_assets.ensure_web_assets(tools, "run", said.append, root)
    assert asked(fake) == ["ci --ignore-scripts --loglevel=warn --omit=dev"]
    assert len(said) == 2
    (root / "package-lock.json").write_text("{}")
    web_assets.ensure_web_assets(tools, "run", said.append, root)
    assert (tools / "web" / "package-lock.json").read_text() == "{}"
    shutil.rmtree(web_assets.node_modules_path(tools))
    web_assets.ensure_web_assets(tools, "run", said.append, root)
    assert len(asked(fake)) == 3


def test_back_at_the_old_lock_after_a_failed_change_they_are_not_taken_as_whole(
    fake: Path, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web_assets.ensure_web_assets(tmp_path / "tools", "run", print, root)
    old = (root / "package-lock.json").read_text()
    (root / "package-lock.json").write_text("{}")
    monkeypatch.setenv("FAKE_NPM", "1 npm error code ENOTFOUND")
    with pytest.raises(ToolchainError):
        web_assets.ensure_web_assets(tmp_path / "tools", "run", print, root)
    monkeypatch.delenv("FAKE_NPM")
    (root / "package-lock.json").write_text(old)
    web_assets.ensure_web_assets(tmp_path / "tools", "run", print, root)
    assert len(asked(fake)) == 3


def test_what_tests_load_is_added_and_then_kept_up(fake: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    for kind in ("run", "dev", "run", "dev"):
        web_assets.ensure_web_assets(tools, "dev" if kind == "dev" else "run", print)
    assert [line.split()[-1] for line in asked(fake)] == ["--omit=dev", "--include=dev"]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("1 npm error code ENOSPC\nnpm error nospc", "^the disk under .* full: free some space and run ./whale again$"),
        ("0 npm warn tar TAR_ENTRY_ERROR ENOSPC: no space left on device, write", "^the disk under .* is full"),
        (
            "0 npm warn tar TAR_ENTRY_ERROR EIO: i/o error, write",
            r"^could not install the browser's files \(exit code 0",
        ),
        ("1 npm error code EINTEGRITY\nnpm error Integrity checksum failed", "not the one that package-lock.json pins"),
        ("1 npm error code EUSAGE\nnpm error", "differ: run `npm install --package-lock-only`$"),
        (
            "1 npm error code ENOTFOUND\nnpm error syscall getaddrinfo\nnpm error network request to x failed",
            r"^could not install the browser's files \(network request to x failed\): check the network and run",
        ),
        ("1 npm ERR! code EACCES\nnpm ERR! path /x\nnpm ERR! Error: EACCES: denied", r"\(Error: EACCES: denied\)"),
        ("7 ", r"\(exit code 7\)"),
    ],
)
def test_a_failure_is_one_line_and_leaves_nothing_taken_as_good(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, line: str
) -> None:
    tools = tmp_path / "tools"
    monkeypatch.setenv("FAKE_NPM", said)
    with pytest.raises(ToolchainError, match=line) as error:
        web_assets.ensure_web_assets(tools, "run", print)
    assert "\n" not in str(error.value)
    monkeypatch.delenv("FAKE_NPM")
    web_assets.ensure_web_assets(tools, "run", print)
    assert len(asked(fake)) == 2
    assert (tools / "setup.log").read_text().count("$ ") == 2


def test_an_npm_without_end_is_ended(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_NPM", "hang")
    monkeypatch.setattr(web_assets, "_STILL_S", 1.0)
    with pytest.raises(ToolchainError, match="stood still for 1 s"):
        web_assets.ensure_web_assets(tmp_path / "tools", "run", print)
    assert not psutil.pid_exists(int((fake / "pid").read_text()))


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_kill_9_leaves_no_npm_and_the_next_run_installs(fake: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    environment = {**os.environ, "FAKE_NPM": "hang", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", ENSURE, str(tools)], env=environment) as killed:
        wait_until(lambda: (fake / "pid").exists() and (fake / "pid").read_text().endswith("\n"), "npm")
        npm = psutil.Process(int((fake / "pid").read_text()))
        os.kill(killed.pid, signal.SIGKILL)
    wait_until(lambda: ended(npm), "npm's end")
    web_assets.ensure_web_assets(tools, "run", print)
    assert len(asked(fake)) == 2


def test_node_trusts_what_the_set_up_trusts(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/company.pem")
    web_assets.ensure_web_assets(tmp_path / "one", "run", print)
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", "/own.pem")
    web_assets.ensure_web_assets(tmp_path / "two", "run", print)
    assert [line.split()[-1] for line in asked(fake)] == ["/company.pem", "/own.pem"]


def test_the_set_up_ends_with_it_and_says_its_line(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHALE_TOOLS", str(tmp_path / "tools"))
    monkeypatch.setattr(java, "find_java_home", lambda tools: tools / "java")
    monkeypatch.setattr(jars, "ensure_jars", lambda tools, _: (tools / "jars").mkdir(exist_ok=True))
    monkeypatch.setattr(java_classes, "ensure_compiled_jar", lambda _: None)
    monkeypatch.setenv("FAKE_NPM", "1 npm error code ENOTFOUND")
    assert setup.main(["dev"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("whale: could not install the browser's files")
    monkeypatch.delenv("FAKE_NPM")
    assert setup.main(["dev"]) == 0
    assert json.loads((web_assets.node_modules_path(tmp_path / "tools") / ".whale.json").read_text())["kind"] == "dev"
    assert asked(fake)[-1].endswith("--include=dev")


@pytest.mark.server
def test_the_real_npm_installs_what_the_page_loads_and_only_for_tests_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_ENV", "production")  # at which npm leaves out what tests load, unless it is told
    fetch_or_skip(tmp_path, "run")
    names = {path.name for path in web_assets.node_modules_path(tmp_path).iterdir() if not path.name.startswith(".")}
    assert names == {"lightweight-charts", "fancy-canvas", "uplot"}
    fetch_or_skip(tmp_path, "dev")
    assert (web_assets.node_modules_path(tmp_path) / "axe-core" / "axe.min.js").stat().st_size > 100_000


@pytest.mark.server
def test_a_full_disk_is_said_though_npm_ends_well(small_disk: Path) -> None:
    fetch_or_skip(small_disk, "run")
    whole = sorted(
        path.stat().st_size for path in web_assets.node_modules_path(small_disk).rglob("*") if path.is_file()
    )
    shutil.rmtree(web_assets.node_modules_path(small_disk))
    (small_disk / "other").write_bytes(bytes(6_500_000))
    with pytest.raises(ToolchainError, match="is full: free some space"):
        web_assets.ensure_web_assets(small_disk, "run", print)
    (small_disk / "other").unlink()
    web_assets.ensure_web_assets(small_disk, "run", print)
    assert (
        sorted(path.stat().st_size for path in web_assets.node_modules_path(small_disk).rglob("*") if path.is_file())
        == whole
    )

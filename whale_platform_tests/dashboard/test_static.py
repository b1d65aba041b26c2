"""The dashboard's types and rules: tsc and eslint, of the versions in package-lock.json, find nothing to complain of.

They run in a copy of the checkout, where the packages lie as `jsconfig.json` expects them, wherever they are installed.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from whale_platform.settings import ROOT, Settings
from whale_platform.toolchain import node, web_assets
from whale_platform.toolchain.errors import ToolchainError

DASHBOARD = "whale_platform/dashboard"
TESTS = "whale_platform_tests/dashboard"
TSC, ESLINT = "typescript/bin/tsc", "eslint/bin/eslint.js"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is checked, with the packages of the lock; skipped where `./whale test` has not installed them."""
    modules, root = web_assets.node_modules_path(Settings().tools), tmp_path_factory.mktemp("checkout")
    for name, version in json.loads((ROOT / "package.json").read_text())["devDependencies"].items():
        if version_in(modules / name) != version:
            pytest.skip(f"{name} {version} is not in {modules}: `./whale test` installs it")
    for folder in (DASHBOARD, TESTS):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copy(ROOT / "eslint.config.mjs", root)
    (root / ".whale/tools/web").mkdir(parents=True)
    (root / ".whale/tools/web/node_modules").symlink_to(modules)
    return root


def version_in(package: Path) -> str | None:
    """The version that is installed there, if one is."""
    try:
        return str(json.loads((package / "package.json").read_text())["version"])
    except FileNotFoundError:
        return None


@pytest.fixture(scope="module")
def program() -> str:
    """The wheel's Node.js, which is new enough for eslint; a system's may be older."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHALE_NODE", "bundled")
        try:
            return node.find_npm()[0]
        except ToolchainError as error:
            pytest.skip(f"no Node.js: {error}")


def check(checkout: Path, program: str, tool: str, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [program, str(checkout / ".whale/tools/web/node_modules" / tool), *words]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("project", ["jsconfig.json", "jsconfig.worker.json"])
def test_types_fit(checkout: Path, program: str, project: str) -> None:
    done = check(checkout, program, TSC, "--noEmit", "--project", f"{DASHBOARD}/{project}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_kept(checkout: Path, program: str) -> None:
    done = check(checkout, program, ESLINT, "--max-warnings=0", "eslint.config.mjs", DASHBOARD, TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


BROKEN = {
    "lib/broken.js": (
        "/** @param {string} text */\nexport const size = (text) => text.size;\n",
        "'size' does not exist",
    ),
    "sw.js": (
        "self.addEventListener('fetch', (event) => event.respondsWith(1));\n",
        "'respondsWith' does not exist",
    ),
    "tape/broken.js": (
        "let rows = 0;\nexport const more = () => (rows += 1);\n",
        "a panel's state belongs to the panel",
    ),
    "lib/markup.js": (
        "export const fill = (node, text) => (node.innerHTML = text);\n",
        "never as markup",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_them_is_found(checkout: Path, program: str, name: str) -> None:
    text, complaint = BROKEN[name]
    file = checkout / DASHBOARD / name
    before = file.read_text() if file.exists() else None
    file.write_text(text)
    try:
        project = "jsconfig.worker.json" if name == "sw.js" else "jsconfig.json"
        types = check(checkout, program, TSC, "--noEmit", "--project", f"{DASHBOARD}/{project}")
        rules = check(checkout, program, ESLINT, f"{DASHBOARD}/{name}")
    finally:
        file.unlink() if before is None else file.write_text(before)
    assert complaint in types.stdout + rules.stdout

"""The dashboard's modules that need no page, in Node.js: the tests stand beside this file, `*.test.mjs`."""

import shutil
import subprocess
from pathlib import Path

import pytest

from whale_platform.settings import ROOT
from whale_platform.toolchain import node
from whale_platform.toolchain.errors import ToolchainError

HERE = Path(__file__).parent
MODULES = ROOT / "whale_platform" / "dashboard"
TESTS = sorted(path.name for path in HERE.glob("*.test.mjs"))


@pytest.fixture(scope="module")
def program() -> str:
    """The Node.js beside the npm that installs the browser's files."""
    try:
        words = node.find_npm()
    except ToolchainError as error:
        pytest.skip(f"no Node.js: {error}")
    found = shutil.which("node") if len(words) == 1 else words[0]
    if found is None:
        pytest.skip("no Node.js beside the npm on the path")
    return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Modules and tests as they lie to each other, told to be modules: a browser knows by their script element."""
    root = tmp_path_factory.mktemp("page")
    (root / "package.json").write_text('{"type": "module"}')
    for folder in (MODULES, HERE):
        for path in [*folder.rglob("*.js"), *folder.rglob("*.mjs")]:
            beside = root / path.relative_to(ROOT)
            beside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, beside)
    return root / HERE.relative_to(ROOT)


@pytest.mark.parametrize("name", TESTS)
def test_modules_of_the_page(name: str, program: str, copy: Path) -> None:
    done = subprocess.run([program, "--test", name], cwd=copy, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout

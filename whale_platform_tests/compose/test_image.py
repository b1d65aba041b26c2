"""The image: what its stages copy, and what is in it."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from whale_platform.settings import ROOT
from whale_platform.toolchain import web_assets

COPIED = re.compile(r"^COPY (?:--chown=whale )?(?!--)(?!\. \.)(.+)$", re.MULTILINE)


def test_the_image_sets_up_all_that_its_parts_use() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    image = (ROOT / "Dockerfile").read_text()
    copied = [name for line in COPIED.findall(image.replace("\\\n", " ")) for name in line.split()[:-1]]
    assert {
        "requirements.lock",
        "requirements-build.lock",
        *web_assets.PACKAGE_FILES,
        "dagster.yaml",
        "pyproject.toml",
    } <= set(copied)
    assert not [name for name in copied for pattern in ignored if fnmatch.fnmatch(name, pattern)]
    assert all((ROOT / name).exists() for name in copied)
    code = [line for line in image.splitlines() if line == "COPY --chown=whale whale_platform whale_platform"]
    assert len(code) == 1 and image.index(code[0]) > image.index("COPY --from=packages"), "the code comes last"
    assert "JAVA_HOME=/app/.whale/tools/java" in image and "WHALE_TOOLS=/app/.whale/tools" in image
    final = image[image.index("useradd") :]
    assert len(COPIED.findall(final)) == final.count("--chown=whale") == 2, "else umask 077 makes it unreadable"


def test_the_set_up_of_the_image_needs_no_code_but_what_is_copied_before_it(tmp_path: Path) -> None:
    before = (ROOT / "Dockerfile").read_text().partition("RUN python -m whale_platform.toolchain.setup")[0]
    for line in COPIED.findall(before.replace("\\\n", " ")):
        *names, target = line.split()
        for name in names:
            place = tmp_path / target / Path(name).name if target.endswith("/") else tmp_path / target
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile)(ROOT / name, place)
    command = [sys.executable, "-c", "import whale_platform.toolchain.setup as s; print(s.__file__)"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(str(tmp_path)), done.stderr


def test_the_commit_of_an_image_is_in_its_file(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "whale_platform", tmp_path / "whale_platform", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "whale_platform" / "COMMIT").write_text("1a2b3c4d\n")
    script = "from whale_platform import version as v; print(v.new_run_id('stream')[-8:], v.deployed_code())"
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1a2b3c4d", "1a2b3c4d"]

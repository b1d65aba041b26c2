"""`docker compose up` under a real engine, from a clean clone: a whale on the page, every container killed, all exact.

It takes half an hour on two cores, so it runs only where WHALE_TEST_ENGINE names a folder (some 10 GB) for the engine's
data; images and Debian's root file system in it are used again. Figures are printed and kept in `WHALE_ARTEFACTS`.
"""

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from whale_platform.settings import ROOT
from whale_platform_tests.compose.docker_engine import (
    API,
    LONG_S,
    Composed,
    docker,
    fetch_json,
    kill,
    start_engine,
)
from whale_platform_tests.compose.oracle import EXACT, is_exact
from whale_platform_tests.compose.stand_ins import make
from whale_platform_tests.e2e.browser import keep, launched
from whale_platform_tests.support.fake_services import wait_for_result

pytestmark = [pytest.mark.e2e, pytest.mark.process, pytest.mark.timeout(3 * 3600)]
FOLDER = os.environ.get("WHALE_TEST_ENGINE")
SETTINGS = {"WHALE_SOURCE": "simulator", "WHALE_THRESHOLD_USD": "5000"}


@pytest.fixture
def composed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Composed]:
    """Images made, nothing started."""
    if FOLDER is None:
        pytest.skip("WHALE_TEST_ENGINE names no folder for an engine's data: containers are not tried")
    folder = Path(FOLDER).resolve()
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    (clone / "secrets").mkdir(0o700)
    password = clone / "secrets" / "postgres_password"
    password.write_text(secrets.token_hex(24))
    password.chmod(0o644)
    with start_engine(folder) as env:
        monkeypatch.setenv("DOCKER_HOST", env["DOCKER_HOST"])
        begun = time.monotonic()
        have = docker(env, "images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
        wanted = {"base": make.BASE, "redpanda": make.image("redpanda"), "postgres": make.image("postgres")}
        if missing := [name for name, image in wanted.items() if image not in have]:
            make.main([*missing, "--root", str(folder / "root")])
        make.platform(clone)
        made = Composed(clone, {**env, **SETTINGS})
        made.timed("images", begun)
        made.compose("down", "-v", "--remove-orphans")  # what a run that was killed has left
        try:
            yield made
        finally:
            made.compose("down", "-v", "--remove-orphans", check=False)


def test_from_a_clean_clone_to_a_whale_and_through_every_kill(composed: Composed) -> None:
    begun = time.monotonic()
    composed.up()
    composed.timed("up, all healthy", begun)
    wait_for_result(lambda: (fetch_json("/whales?limit=1") or {}).get("items"), LONG_S)
    composed.timed("up, a whale from the API", begun)
    with launched() as browser:
        page = browser.new_page()
        page.goto(API)
        expect(page.locator("#link")).to_have_text("● Live")
        expect(page.locator("#tape-body tr").first).to_be_visible()
        keep(page, "compose")
    composed.timed("up, a whale on the page", begun)
    composed.figures["memory"] = composed.memory()

    status = json.loads(composed.whale("status", "--json"))
    assert status["running"] and all(one["state"] in ("ready", "degraded") for one in status["services"].values())
    assert f"({commit(composed.clone)})" in composed.whale("--version")
    for service in sorted(composed.states()):
        begun = time.monotonic()
        kill(composed, service)
        composed.timed(f"killed: {service}", begun)
    wait_for_result(lambda: set(composed.states().values()) == {"healthy"}, LONG_S)
    exact(composed)

    begun = time.monotonic()
    composed.compose("down")
    composed.timed("down", begun)
    begun = time.monotonic()
    assert fetch_json("/health") is None, "everything has ended"
    composed.up()
    composed.timed("up again, all healthy", begun)
    composed.whale("restart", "stream")
    exact(composed)
    wait_for_result(lambda: audited(composed), LONG_S)
    text = json.dumps(composed.figures, indent=1)
    print(text)
    if folder := os.environ.get("WHALE_ARTEFACTS"):
        (Path(folder) / "compose.json").write_text(text + "\n")


def exact(composed: Composed) -> None:
    """More trades come, and with them Postgres has each trade once."""
    first = total(composed)
    wait_for_result(lambda: total(composed) > first, LONG_S)
    wait_for_result(lambda: is_exact(composed.rows(EXACT)), LONG_S)


def total(composed: Composed) -> int:
    """All trades in Postgres."""
    return int(composed.rows("SELECT coalesce(sum(trade_count), 0) FROM trade_windows")[0][0])


def audited(composed: Composed) -> bool:
    """Whether Kafka, Postgres and the lake have every trade once: settled hours are three minutes old."""
    time.sleep(20)
    return "nothing is wrong" in composed.whale("audit", check=False)


def commit(clone: Path) -> str:
    """What the image was made of."""
    command = ["git", "describe", "--always", "--abbrev=8", "--exclude=*"]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("heading", ["Containers", "Infrastructure in containers, Python on the host"])
def test_the_documented_commands_work_as_they_stand(tmp_path: Path, heading: str) -> None:
    """In a clone, by a user's shell; `docker compose` is the program of Debian's package."""
    if FOLDER is None:
        pytest.skip("WHALE_TEST_ENGINE names no folder for an engine's data: containers are not tried")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    text = (ROOT / "docs" / "guides" / "deployment.md").read_text().partition(f"\n## {heading}\n")[2]
    commands = text.partition("```sh\n")[2].partition("```")[0]
    assert commands.count("docker compose") >= 2
    with start_engine(Path(FOLDER).resolve()) as env:
        mine = {name: value for name, value in env.items() if not name.startswith("WHALE_")}
        begins = 'docker() { shift; docker-compose "$@" || [ $? = 4 ]; }'  # by `whale status`, while something starts
        script = f"{begins}\nset -eux\n{commands}"
        remove = ["docker-compose", "--profile", "platform", "--profile", "simulator", "down", "-v", "--remove-orphans"]
        try:
            subprocess.run(["bash", "-c", script], cwd=clone, env=mine, check=True)
        finally:
            subprocess.run(remove, cwd=clone, env=mine, check=False)

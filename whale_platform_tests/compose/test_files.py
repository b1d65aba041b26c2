"""The compose file against the settings, the modules and Compose itself."""

import fnmatch
import importlib.util
import os
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from whale_platform.embedded import dagster, web
from whale_platform.settings import ROOT, Settings

COMPOSE = shutil.which("docker-compose")
WHOLE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]
INFRA = {"redpanda", "postgres"}


@pytest.mark.parametrize("profile", ["infra", "platform"])
def test_compose_accepts_it(profile: str) -> None:
    if COMPOSE is None:
        pytest.skip("no docker-compose here: install Debian's package of that name")
    command = [COMPOSE, "--profile", profile, "config"]
    env = {**os.environ, "WHALE_POSTGRES_PASSWORD": "secret"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "postgresql://whale:secret@postgres:5432/whale" in done.stdout


def test_without_a_password_it_says_where_to_set_it() -> None:
    if COMPOSE is None:
        pytest.skip("no docker-compose here: install Debian's package of that name")
    env = {name: value for name, value in os.environ.items() if name != "WHALE_POSTGRES_PASSWORD"}
    done = subprocess.run([COMPOSE, "config"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "set it in .env" in done.stderr


def test_the_parts_that_were_asked_for_are_there_and_infra_is_for_the_hybrid() -> None:
    app = {
        "topics",
        "migrate",
        "spark-master",
        "spark-worker",
        "stream",
        "api",
        "ingester",
        "sink",
    } | dagster.PARTS.keys()
    assert SERVICES.keys() == INFRA | app
    assert {name for name, one in SERVICES.items() if "infra" in one["profiles"]} == INFRA
    assert all("platform" in one["profiles"] for one in SERVICES.values())


def test_every_setting_exists_and_is_valid() -> None:
    given = {name: text for name, text in WHOLE["x-settings"].items() if "$" not in str(text)}
    fields = {f"WHALE_{name.upper()}" for name in Settings.model_fields}
    assert WHOLE["x-settings"].keys() <= fields
    values = {name.removeprefix("WHALE_").lower(): text for name, text in given.items()}
    settings = Settings.model_validate(values)
    assert str(settings.bootstrap) == "redpanda:9092"


def test_every_command_can_be_run_and_every_dependency_can_come_true() -> None:
    for name, one in SERVICES.items():
        command = one.get("command", [])
        if command[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(command[2]), name
            assert command[3:] in ([], [name])
        needs = one.get("depends_on", {})
        for need, how in needs.items() if isinstance(needs, dict) else ():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[need], f"{name} waits for {need} to be healthy"
            if how["condition"] == "service_completed_successfully":
                assert SERVICES[need]["restart"] == "on-failure"


def test_the_image_sets_up_all_that_its_parts_use() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    locks = ("requirements.lock", "requirements-build.lock", *web.LISTS)
    assert not [name for name in locks for pattern in ignored if fnmatch.fnmatch(name, pattern)]
    image = (ROOT / "Dockerfile").read_text()
    assert "RUN ./whale --help" in image and "WHALE_TOOLS=/app/.whale/tools" in image


def test_nothing_listens_beyond_this_machine() -> None:
    assert all(port.startswith("127.0.0.1:") for one in SERVICES.values() for port in one.get("ports", []))


def test_the_volumes_are_declared() -> None:
    used = {volume.partition(":")[0] for one in SERVICES.values() for volume in one.get("volumes", [])}
    assert used == WHOLE["volumes"].keys()

"""The compose file against the settings, the modules and Compose itself."""

import importlib.util
import json
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from whale_platform.embedded import dagster
from whale_platform.exchanges import registry
from whale_platform.settings import ROOT, Settings
from whale_platform.stream import batch_recompute
from whale_platform.supervision.processes import termination
from whale_platform.topology.specs import build_specs

COMPOSE = shutil.which("docker-compose")
WHOLE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]
INFRA = {"redpanda", "postgres"}
STORED = {
    "postgres",
    "migrate",
    "stream",
    "sink",
    "api",
    "repair",
} | dagster.PARTS.keys()  # all that need Postgres's password
SERIES = re.compile(r"whale_[a-z_]+")
SUFFIX = re.compile(r"_(total|bucket)$")


@pytest.mark.parametrize("profile", ["infra", "platform", "simulator", "replay", "monitoring"])
def test_compose_accepts_it(profile: str) -> None:
    if COMPOSE is None:
        pytest.skip("no docker-compose here: install Debian's package of that name")
    command = [COMPOSE, "--profile", profile, "config"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "mem_limit" in done.stdout


def test_the_password_is_in_a_file_alone() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert "PASSWORD:" not in text and "whale:$" not in text
    assert {name for name, one in SERVICES.items() if one.get("secrets")} == STORED
    assert {name for name, one in SERVICES.items() if "PASSWORD_FILE" in str(one.get("environment"))} == STORED
    assert all(SERVICES[name]["secrets"] == ["postgres_password"] for name in STORED)
    assert {"secrets", "recordings"} <= set((ROOT / ".dockerignore").read_text().split())
    assert {"secrets/", "recordings/"} <= set((ROOT / ".gitignore").read_text().split())


def test_each_part_can_be_given_its_own_log_in_and_no_other_s(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        name: {key for key in one.get("environment", {}) if key.endswith("_DSN")} - {"WHALE_POSTGRES_DSN"}
        for name, one in SERVICES.items()
    }
    parts = {part: {f"WHALE_{part.upper()}_POSTGRES_DSN"} for part in ("stream", "sink", "api")}
    parts |= {name: {"WHALE_DAGSTER_POSTGRES_DSN", "WHALE_DAGSTER_DSN"} for name in dagster.PARTS}
    parts["repair"] = {"WHALE_DAGSTER_POSTGRES_DSN"}
    parts["api"].add("WHALE_EDITOR_POSTGRES_DSN")
    assert {name: dsns for name, dsns in own.items() if dsns} == parts
    assert all(SERVICES[name]["environment"][key] == f"${{{key}:-}}" for name, keys in parts.items() for key in keys)
    for key in set().union(*parts.values()):
        monkeypatch.setenv(key, "")  # as where nobody has set it
    settings = Settings()
    assert settings.sink_postgres_dsn is None and settings.dagster_dsn is None


def test_the_address_of_each_exchange_reaches_every_service_that_has_settings() -> None:
    addresses = {f"WHALE_{name.upper()}_{way.upper()}_URL" for name in registry.EXCHANGES for way in registry.WAYS}
    found = [one["environment"] for one in SERVICES.values() if "WHALE_EXCHANGES" in one.get("environment", {})]
    assert len(found) > 5
    for environment in found:
        assert {key for key in environment if re.fullmatch(r"WHALE_\w+_(WS|REST)_URL", key)} == addresses
        assert all(environment[key] == f"${{{key}:-}}" for key in addresses)


DOCUMENTED = "mkdir -m 700 secrets && openssl rand -hex 24 | install -m 644 /dev/stdin secrets/postgres_password"


def test_the_password_that_is_documented_can_be_read_by_containers_and_by_nobody_else_here(tmp_path: Path) -> None:
    assert all(DOCUMENTED in (ROOT / name).read_text() for name in ("docker-compose.yml", "README.md"))
    command = f"umask 077; {DOCUMENTED.replace('openssl rand -hex 24', 'echo secret')}"
    subprocess.run(["bash", "-euc", command], cwd=tmp_path, check=True)
    made = tmp_path / "secrets" / "postgres_password"
    assert made.read_text() == "secret\n"
    assert (stat.S_IMODE(made.stat().st_mode), stat.S_IMODE(made.parent.stat().st_mode)) == (0o644, 0o700)


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
        "repair",
    } | dagster.PARTS.keys()
    by_profile = {
        profile: {name for name, one in SERVICES.items() if profile in one["profiles"]}
        for profile in ("infra", "platform", "simulator", "replay", "monitoring")
    }
    assert by_profile == {
        "infra": INFRA,
        "platform": INFRA | app,
        "simulator": {"simulator"},
        "replay": {"replay"},
        "monitoring": {"prometheus", "grafana"},
    }
    assert SERVICES.keys() == set().union(*by_profile.values())


def test_every_setting_exists_and_is_valid(tmp_path: Path) -> None:
    fields = {f"WHALE_{name.upper()}" for name in Settings.model_fields}
    used = [one["environment"] for one in SERVICES.values() if "WHALE_HOME" in one.get("environment", {})]
    assert len(used) > len(STORED) and set().union(*used) <= fields
    given = {name: text for name, text in WHOLE["x-postgres"].items() if "$" not in str(text)}
    given |= {"WHALE_POSTGRES_PASSWORD_FILE": str(_password(tmp_path))}
    values = {name.removeprefix("WHALE_").lower(): text for name, text in given.items()}
    settings = Settings.model_validate(values)
    assert str(settings.bootstrap) == "redpanda:9092"
    assert settings.dsn() == "postgresql://whale:p%40ss@postgres:5432/whale"
    assert settings.dagster_dsn_text() == "postgresql://whale:p%40ss@postgres:5432/dagster"
    assert settings.public_dsn() == "postgresql://whale@postgres:5432/whale"


def _password(folder: Path) -> Path:
    path = folder / "postgres_password"
    path.write_text("p@ss\n")
    return path


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere can't be read"):
        Settings.model_validate({"postgres_password_file": tmp_path / "nowhere"})


@pytest.mark.parametrize("source", ["simulator", "replay"])
def test_what_is_called_simulated_or_recorded_can_only_come_from_the_simulator(source: str) -> None:
    real = {
        name.removeprefix("WHALE_").lower(): "https://api.binance.com" for name in WHOLE["x-settings"] if "BIN" in name
    }
    host = WHOLE["x-settings"]["WHALE_SIMULATOR_HOST"]
    settings = Settings.model_validate({"source": source, "simulator_host": host, **real})
    for exchange in registry.build_adapters(settings):
        for address in (exchange.connect_url(), exchange.check_url("X")):
            assert urlsplit(address).netloc == f"{host}:{settings.simulator_port}"
    assert host in SERVICES and host in SERVICES["replay"]["networks"]["default"]["aliases"]


def test_every_command_can_be_run_and_every_dependency_can_come_true() -> None:
    for name, one in SERVICES.items():
        command = one.get("command", [])
        if command[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(command[2]), name
            assert command[3:] in ([], ["simulator" if name == "replay" else name])
        needs = one.get("depends_on", {})
        for need, how in needs.items() if isinstance(needs, dict) else ():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[need], f"{name} waits for {need} to be healthy"
            if how["condition"] == "service_completed_successfully":
                assert SERVICES[need]["restart"] == "on-failure"


def test_every_service_of_the_platform_is_a_container(tmp_path: Path) -> None:
    outside = {"kafka_bootstrap": "redpanda:9092", "postgres_dsn": "postgresql://whale@postgres/whale"}
    for source in ("simulator", "live"):
        settings = Settings.model_validate({"home": tmp_path, "source": source, **outside})
        assert not {spec.name for spec in build_specs(settings)} - SERVICES.keys()


def test_every_container_is_bounded_checked_and_without_rights() -> None:
    once = {"topics", "migrate"}
    for name, one in SERVICES.items():
        assert one["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert one["cap_drop"] == ["ALL"] and one["security_opt"] == ["no-new-privileges:true"], name
        assert one.get("read_only") or name == "redpanda", name
        assert ("healthcheck" in one) != (name in once), name
        assert one.get("healthcheck", {"start_period": "3600s"})["start_period"] == "3600s", name
        if "whale_platform.topology.container" in one.get("command", []):
            assert int(one["stop_grace_period"].removesuffix("s")) > termination.LONGEST_WAIT_S, (
                "or the engine kills it first"
            )
    running = [
        one for name, one in SERVICES.items() if name not in once and {*one["profiles"]} & {"platform", "simulator"}
    ]
    assert sum(map(limit, running)) <= 8192


def limit(one: dict[str, Any]) -> int:
    """MiB."""
    return int(one["mem_limit"].removesuffix("m"))


def test_the_heaps_of_the_jvms_fit_their_containers() -> None:
    def mebibytes(text: str) -> int:
        return int(text[:-1]) * {"m": 1, "g": 1024}[text[-1]]

    given = {name.removeprefix("WHALE_").lower(): str(text) for name, text in WHOLE["x-settings"].items()}
    settings = Settings.model_validate({name: text for name, text in given.items() if text and "$" not in text})
    worker = SERVICES["spark-worker"]
    offered = worker["command"][worker["command"].index("--memory") + 1]
    assert mebibytes(settings.spark_executor_memory) <= mebibytes(offered), "or no executor is ever started"
    daemons = {name: one["environment"]["SPARK_DAEMON_MEMORY"] for name, one in SERVICES.items() if "spark-" in name}
    heaps = {name: mebibytes(text) for name, text in daemons.items()}
    heaps["spark-worker"] += mebibytes(offered)
    heaps["stream"] = mebibytes(settings.spark_driver_memory)
    heaps["dagster-code"] = mebibytes(batch_recompute.configure_batch(settings, ROOT)["spark.driver.memory"])
    heaps["repair"] = heaps["dagster-code"]
    assert not {name: heap for name, heap in heaps.items() if heap * 1.5 > limit(SERVICES[name])}
    python = {name: limit(SERVICES[name]) - heaps[name] * 1.5 for name in ("dagster-code", "repair")}
    assert python["dagster-code"] >= 512, "the code server and its runs are in there too"
    assert python["repair"] >= 384, "and what reads the lake"


def test_the_health_check_of_a_service_is_of_that_service() -> None:
    for name, one in SERVICES.items():
        test = one.get("healthcheck", {}).get("test", [])
        if "whale_platform.topology.health_check" in test:
            assert test[-1] == ("simulator" if name == "replay" else name)


def test_the_board_asks_for_series_that_there_are() -> None:
    board = json.loads((ROOT / "deploy/grafana/boards/whale.json").read_text())
    asked = {word for one in board["panels"] for target in one["targets"] for word in SERIES.findall(target["expr"])}
    exposed = (ROOT / "whale_platform/api/monitoring/metrics.py").read_text()
    assert asked and not [name for name in asked if SUFFIX.sub("", name) not in exposed]
    assert yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())["scrape_configs"][0]["static_configs"] == [
        {"targets": ["api:18000"]}
    ]


def test_nothing_listens_beyond_this_machine() -> None:
    assert all(port.startswith("127.0.0.1:") for one in SERVICES.values() for port in one.get("ports", []))


def test_nobody_logs_in_at_grafana_as_its_administrator() -> None:
    given = SERVICES["grafana"]["environment"]
    refused = {"GF_AUTH_BASIC_ENABLED": "false", "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true"}
    assert refused.items() <= given.items()


def test_prometheus_may_ask_the_api_whatever_names_are_added() -> None:
    target = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())["scrape_configs"][0]["static_configs"]
    text = SERVICES["api"]["environment"]["WHALE_API_HOSTS"]
    for added, names in (("", ("api",)), ("desk.example", ("api", "desk.example"))):
        hosts = Settings.model_validate({"api_hosts": text.replace("${WHALE_API_HOSTS:-}", added)}).api_hosts
        assert hosts == names and target[0]["targets"][0].partition(":")[0] in hosts


def test_the_volumes_are_declared() -> None:
    used = {volume.partition(":")[0] for one in SERVICES.values() for volume in one.get("volumes", [])}
    assert {name for name in used if name.isalpha()} == WHOLE["volumes"].keys()
    assert all((ROOT / name).exists() for name in used if name.startswith("./"))

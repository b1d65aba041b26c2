"""From settings to specs: what runs in a home, in start order (stopped in reverse: readers before servers).

Few services need another to be ready: most wait inside for what they use, so that everything starts at once. What
moves the trades needs neither Dagster nor, but for the sink, Postgres.
"""

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from whale_platform.embedded import dagster as embedded_dagster
from whale_platform.embedded import kafka as embedded_kafka
from whale_platform.embedded import postgres as embedded_postgres
from whale_platform.settings import Settings
from whale_platform.supervision.policy.service_spec import ServiceSpec
from whale_platform.toolchain import java
from whale_platform.topology import readiness

SIMULATED_SOURCES = frozenset({"simulator", "replay"})
DAEMON_SILENT_S = 12.0  # its beats are rare, and have been missing for a while when it is said not to beat
REPAIR_NICE = 5
DAGSTER_NICE = 5  # people and upkeep can wait, trades can't
MIGRATION_S = 3600.0  # a one-shot does nothing itself while the server changes a large table


def describe_home(settings: Settings) -> dict[str, Any]:
    """What the supervisor publishes beside the services: addresses without secrets, ports, the source."""
    simulated = settings.source in SIMULATED_SOURCES
    return {
        "home": str(settings.home),
        "source": settings.source,
        "files": [str(path) for path in settings.replay_files] if settings.source == "replay" else [],
        "exchanges": list(settings.exchanges),
        "symbols": list(settings.symbols),
        "urls": {
            "kafka": str(settings.bootstrap),
            "postgres": settings.public_dsn(),
            "dashboard": settings.api_url,
            "api": f"{settings.api_url}/openapi.json",
            **({"dagster": settings.dagster_url} if settings.dagster else {}),
            **({"exchange": f"ws://{settings.simulator_host}:{settings.simulator_port}"} if simulated else {}),
        },
        "ports": list_ports(settings),
    }


def list_ports(settings: Settings) -> dict[str, int]:
    """The ports this home's own servers listen on, by the setting that moves each."""
    used: dict[str, int] = {"WHALE_API_PORT": settings.api_port}
    if settings.kafka_bootstrap is None:
        used |= {"WHALE_KAFKA_PORT": settings.kafka_port, "WHALE_KAFKA_CONTROLLER_PORT": settings.kafka_controller_port}
    if settings.postgres_dsn is None:
        used["WHALE_POSTGRES_PORT"] = settings.postgres_port
    if settings.dagster:
        used["WHALE_DAGSTER_PORT"] = settings.dagster_port
        if embedded_dagster.code_socket(settings) is None:
            used["WHALE_DAGSTER_CODE_PORT"] = settings.dagster_code_port
    if settings.source in SIMULATED_SOURCES:
        used["WHALE_SIMULATOR_PORT"] = settings.simulator_port
    return used


def build_specs(settings: Settings) -> list[ServiceSpec]:
    """Every service of these settings. Raises what `build_java_environment` raises where there is no Java."""
    env = settings.environment()
    with_java = {**env, **java.build_java_environment(settings.tools)}
    out: list[ServiceSpec] = []
    if settings.postgres_dsn is None:
        out.append(
            ServiceSpec(
                "postgres",
                lambda: tuple(embedded_postgres.postgres_command(settings)),
                env,
                prepare=partial(embedded_postgres.prepare_postgres, settings),
                is_ready=partial(readiness.postgres_responds, settings),
                stop_signal=embedded_postgres.STOP_SIGNAL,
                stop_grace_s=8,
                has_heartbeat=False,
            )
        )
    if settings.kafka_bootstrap is None:
        out.append(
            ServiceSpec(
                "kafka",
                lambda: tuple(embedded_kafka.broker_command(settings)),
                with_java,
                prepare=partial(embedded_kafka.prepare_broker, settings),
                is_ready=partial(readiness.kafka_responds, settings),
                stop_signal=embedded_kafka.STOP_SIGNAL,
                stop_grace_s=10,
                has_heartbeat=False,
            )
        )
    out += [
        _build_python_spec("topics", "broker", env, one_shot=True),
        _build_python_spec("migrate", "stores.migrate", env, one_shot=True),
    ]
    if settings.source in SIMULATED_SOURCES:
        out.append(_build_python_spec("simulator", "simulator", env))
    fed_by = ("topics", "simulator") if settings.source in SIMULATED_SOURCES else ("topics",)
    out += [
        _build_python_spec("sink", "sink", env, needs=("topics", "migrate")),
        _build_python_spec("stream", "stream", with_java, grace_s=10),
        _build_python_spec("ingester", "ingest", env, needs=fed_by, grace_s=6),
        _build_python_spec("api", "api", env, needs=("migrate",)),
        _build_python_spec("repair", "repair", with_java, needs=("migrate",), nice=REPAIR_NICE),
    ]
    return out + (_build_dagster_specs(settings) if settings.dagster else [])


def _build_dagster_specs(settings: Settings) -> list[ServiceSpec]:
    """One after the other, so that they take no more than one core from the services that start beside them."""
    out: list[ServiceSpec] = []
    for name, answers in embedded_dagster.PARTS.items():
        out.append(
            ServiceSpec(
                name,
                partial(embedded_dagster.part_command, name),
                settings.environment(),
                needs=(out[-1].name,) if out else ("migrate",),
                prepare=partial(embedded_dagster.prepare_dagster, settings),
                is_ready=partial(answers, settings),
                stop_signal=embedded_dagster.STOP_SIGNAL,
                stop_grace_s=8,
                has_heartbeat=False,
                silent_after_s=DAEMON_SILENT_S if answers is embedded_dagster.daemon_is_alive else 30.0,
                nice=DAGSTER_NICE,
            )
        )
    return out


def _build_python_spec(
    name: str,
    room: str,
    env: Mapping[str, str],
    needs: tuple[str, ...] = (),
    one_shot: bool = False,
    grace_s: float = 5,
    nice: int = 0,
) -> ServiceSpec:
    argv = (sys.executable, "-m", f"whale_platform.{room}")
    return ServiceSpec(
        name,
        lambda: argv,
        env,
        needs,
        one_shot=one_shot,
        has_heartbeat=not one_shot,
        stop_grace_s=grace_s,
        idle_limit_s=MIGRATION_S if one_shot else 300.0,
        nice=nice,
    )

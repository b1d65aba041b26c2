"""From settings to specs: what runs in a home, in start order (stopped in reverse: readers before servers).

Few services need another to be ready: most wait inside for what they use, so that everything starts at once. What
moves the trades is kept alive by Dagster (`defs/shifts.py`), or by the supervisor itself where Dagster is left out.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from whale_platform.embedded import dagster as embedded_dagster
from whale_platform.embedded import java
from whale_platform.embedded import kafka as embedded_kafka
from whale_platform.embedded import postgres as embedded_postgres
from whale_platform.services import ready
from whale_platform.settings import WORKERS, Settings
from whale_platform.supervision import shift
from whale_platform.supervision.spec import Spec

SIMULATED = frozenset({"simulator", "replay"})
DRAIN_S = 25.0


def wired(settings: Settings) -> Settings:
    """The settings of the services: where the source is not live, every exchange's address is the simulator's."""
    if settings.source not in SIMULATED:
        return settings
    host = f"127.0.0.1:{settings.simulator_port}"
    urls = {
        f"{exchange}_{kind}_url": f"{scheme}://{host}/{exchange}"
        for exchange in ("binance", "coinbase")
        for kind, scheme in (("ws", "ws"), ("rest", "http"))
    }
    return settings.model_copy(update=urls)


def about(settings: Settings) -> dict[str, Any]:
    """What the supervisor publishes beside the services: addresses without secrets, ports, the source."""
    simulated = settings.source in SIMULATED
    return {
        "home": str(settings.home),
        "source": settings.source,
        "files": [str(path) for path in settings.replay_files] if settings.source == "replay" else [],
        "exchanges": list(settings.exchanges),
        "symbols": list(settings.symbols),
        "urls": {
            "kafka": settings.bootstrap,
            "postgres": settings.public_dsn(),
            "dashboard": settings.api_url,
            "api": f"{settings.api_url}/openapi.json",
            **({"dagster": settings.dagster_url} if settings.dagster else {}),
            **({"exchange": f"ws://127.0.0.1:{settings.simulator_port}"} if simulated else {}),
        },
        "ports": ports(settings),
        "in_dagster": list(settings.in_dagster),
    }


def ports(settings: Settings) -> dict[str, int]:
    """The ports this home's own servers listen on, by the setting that moves each."""
    used: dict[str, int] = {"WHALE_API_PORT": settings.api_port}
    if settings.kafka_bootstrap is None:
        used |= {"WHALE_KAFKA_PORT": settings.kafka_port, "WHALE_KAFKA_CONTROLLER_PORT": settings.kafka_controller_port}
    if settings.postgres_dsn is None:
        used["WHALE_POSTGRES_PORT"] = settings.postgres_port
    if settings.dagster:
        used |= {"WHALE_DAGSTER_PORT": settings.dagster_port, "WHALE_DAGSTER_CODE_PORT": settings.dagster_code_port}
    if settings.source in SIMULATED:
        used["WHALE_SIMULATOR_PORT"] = settings.simulator_port
    return used


def specs(settings: Settings) -> list[Spec]:
    """Every service of these (wired) settings. Raises what `java_environment` raises where there is no Java."""
    env = settings.environment()
    with_java = {**env, **java.java_environment(settings.tools)}
    out: list[Spec] = []
    if settings.postgres_dsn is None:
        out.append(
            Spec(
                "postgres",
                lambda: tuple(embedded_postgres.command(settings)),
                env,
                prepare=partial(embedded_postgres.prepare, settings),
                ready=partial(ready.postgres, settings),
                stop_signal=embedded_postgres.STOP_SIGNAL,
                stop_grace_s=8,
                beats=False,
                start_within_s=300,
            )
        )
    if settings.kafka_bootstrap is None:
        out.append(
            Spec(
                "kafka",
                lambda: tuple(embedded_kafka.command(settings)),
                with_java,
                prepare=partial(embedded_kafka.prepare, settings),
                ready=partial(ready.kafka, settings),
                stop_signal=embedded_kafka.STOP_SIGNAL,
                stop_grace_s=10,
                beats=False,
                start_within_s=300,
            )
        )
    out += [
        _python("topics", "broker", env, one_shot=True),
        _python("migrate", "stores.migrate", env, one_shot=True),
    ]
    if settings.source in SIMULATED:
        out.append(_python("simulator", "simulator", env))
    ours = [worker(settings, name) for name in WORKERS if name not in settings.in_dagster]
    api = _python("api", "api", env, needs=("migrate",))
    return out + (_dagster(settings) if settings.dagster else []) + [*ours, api]


def worker(settings: Settings, name: str) -> Spec:
    """One of WORKERS. `needs` counts only under the supervisor: Dagster itself starts after them."""
    env = settings.environment()
    if name == "sink":
        return _python(name, "sink", env, needs=("topics", "migrate"))
    if name == "stream":
        return _python(name, "stream", {**env, **java.java_environment(settings.tools)}, grace_s=10)
    simulated = settings.source in SIMULATED
    return _python(name, "ingest", env, needs=("topics", "simulator") if simulated else ("topics",), grace_s=6)


def _dagster(settings: Settings) -> list[Spec]:
    """One after the other: what starts the services first, what people look at last."""
    out: list[Spec] = []
    for name, answers in embedded_dagster.PARTS.items():
        spec = Spec(
            name,
            partial(embedded_dagster.command, name),
            settings.environment(),
            needs=(out[-1].name,) if out else ("migrate",),
            prepare=partial(embedded_dagster.prepare, settings),
            ready=partial(answers, settings),
            stop_signal=embedded_dagster.STOP_SIGNAL,
            stop_grace_s=8,
            beats=False,
            start_within_s=180,
        )
        out.append(spec if name != embedded_dagster.CODE else _code_server(settings, spec))
    return out


def _code_server(settings: Settings, spec: Spec) -> Spec:
    """Shifts are its children: they outlive its death, end before it is ended for good, and begin with the next."""

    def prepare() -> None:
        embedded_dagster.prepare(settings)
        shift.let_begin(settings.home)

    drain = partial(shift.ask_to_end, settings.home)
    return replace(spec, prepare=prepare, drain=drain, drain_s=DRAIN_S, spares_children=True)


def _python(
    name: str,
    room: str,
    env: Mapping[str, str],
    needs: tuple[str, ...] = (),
    one_shot: bool = False,
    grace_s: float = 5,
) -> Spec:
    argv = (sys.executable, "-m", f"whale_platform.{room}")
    return Spec(
        name,
        lambda: argv,
        env,
        needs,
        one_shot=one_shot,
        beats=not one_shot,
        stop_grace_s=grace_s,
        start_within_s=300 if one_shot else 60,
    )

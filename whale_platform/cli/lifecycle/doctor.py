"""`whale doctor`: everything that could keep the platform from working here, each with its fix."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from whale_platform.cli.lifecycle import exchange_probe, machine_checks
from whale_platform.cli.lifecycle.machine_checks import MachineFinding

if TYPE_CHECKING:
    from whale_platform.settings import Settings

SIGNS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "bad": "[red]BAD [/]"}


def check_machine(settings: "Settings", running: dict[str, Any] | None) -> Iterator[MachineFinding]:
    """All checks; `running` is the status of the home in use, whose own ports are no problem. Takes up to 4 s."""
    yield machine_checks.check_python()
    yield from _check_java(settings)
    yield machine_checks.check_memory()
    yield machine_checks.check_disk(settings.home)
    yield machine_checks.check_disk_need(settings, _estimate_rate(settings, running))
    yield machine_checks.check_clock()
    yield from _check_ports(settings, running)
    yield from machine_checks.find_unknown_variables()
    yield from _check_order_books(settings)
    yield from _check_exchanges(settings)


def _estimate_rate(settings: "Settings", running: dict[str, Any] | None) -> float:
    """Trades a second: as they come now, else as the simulator is told to make them, else assumed."""
    now = (running or {"services": {}})["services"].get("ingester", {}).get("trades_per_s")
    if now:
        return float(now)
    return settings.simulator_rate if settings.source == "simulator" else machine_checks.ASSUMED_RATE


def _check_java(settings: "Settings") -> Iterator[MachineFinding]:
    from whale_platform.toolchain import jars, java, java_classes, shuffle_bind
    from whale_platform.toolchain.errors import ToolchainError

    try:
        yield MachineFinding("ok", "java", f"Java at {java.find_java_home(settings.tools)}")
    except ToolchainError as error:
        yield MachineFinding("bad", "java", *_split(str(error)))
    try:
        jars.find_spark_jars(settings.tools)
        if settings.object_store is not None:
            jars.find_s3_jars(settings.tools)
        jars.build_broker_classpath(settings.tools)
        shuffle_bind.ensure_patched_jar(settings.tools)
        java_classes.ensure_compiled_jar(settings.tools)
        yield MachineFinding("ok", "jars", "all there")
    except ToolchainError as error:
        yield MachineFinding("bad", "jars", *_split(str(error)))


def _check_ports(settings: "Settings", running: dict[str, Any] | None) -> Iterator[MachineFinding]:
    from whale_platform.embedded import ports
    from whale_platform.toolchain.errors import ToolchainError
    from whale_platform.topology.specs import list_ports as ports_of

    own = set(running["ports"].values()) if running and running["running"] else set()
    for name, port in ports_of(settings.model_copy(update={"source": "simulator"})).items():
        if port in own:
            yield MachineFinding("ok", "ports", f"{name} {port} is used by this platform, which runs")
            continue
        try:
            ports.check_ports_free({name: port})
            yield MachineFinding("ok", "ports", f"{name} {port} is free")
        except ToolchainError as error:
            yield MachineFinding("bad", "ports", *_split(str(error)))


def _check_order_books(settings: "Settings") -> Iterator[MachineFinding]:
    from whale_platform.exchanges import registry

    exchanges = registry.build_adapters(settings)
    try:
        registry.check_order_books(exchanges, registry.assign_symbols(exchanges, settings.symbols))
    except ValueError as error:
        yield MachineFinding("bad", "exchange", *_split(str(error)))


def _check_exchanges(settings: "Settings") -> Iterator[MachineFinding]:
    for one in exchange_probe.probe_exchanges(settings):
        found = f"{one.exchange}: stream {one.stream_detail}; history {one.history_detail}"
        if one.streams and one.history:
            yield MachineFinding("ok", "exchange", found)
        elif one.streams:
            yield MachineFinding("warn", "exchange", found, "trades come, but gaps in them can't be repaired")
        else:
            fix = "check network, proxy and firewall; without it: WHALE_EXCHANGES, or `whale up --source simulator`"
            if "451" in f"{one.stream_detail}{one.history_detail}":
                fix = "use one that serves this country (WHALE_EXCHANGES=…), or `whale up --source simulator`"
            yield MachineFinding("warn", "exchange", found, fix)


def _split(message: str) -> tuple[str, str]:
    what, _, fix = message.partition(": ")
    return what, fix

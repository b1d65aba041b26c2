"""Spark's streaming shuffle on one address: a patched copy of one class, to stand first on Spark's class path.

Real-time mode opens a server for each map task by `TransportContext.createServer(port, bootstraps)`. That names no
host, so it listens on every interface, without authentication, whatever `spark.driver.bindAddress` says, and Spark 4.3
has no setting for it. The copy asks the system property `whale.shuffle.bind`, and takes 127.0.0.1 where it is unset.

A class other than the known one is refused: then nothing starts, rather than listening to the network. Executors of a
cluster take the copy where `spark.executor.extraClassPath` names the jar and `spark.executor.extraJavaOptions` sets
the property to an address that the other executors reach.
"""

import hashlib
import os
import struct
import zipfile
from importlib.util import find_spec
from pathlib import Path

from whale_platform.toolchain.errors import ToolchainError

PROPERTY = "whale.shuffle.bind"
LOOPBACK = "127.0.0.1"
CLASS = "org/apache/spark/network/TransportContext.class"
KNOWN_SHA256 = "b4cc1e580651f29816b960dfccd658d717a89a6708a1ac514b7308e8435ecb90"  # SHA-256, pyspark 4.3.0

# Where the constant pool ends: access flags, this class, super class, number of interfaces.
_AFTER_POOL = bytes.fromhex("0021 0002 0008 0001")
# new TransportServer(this, null, port, this.rpcHandler, bootstraps): the null is `host`.
_BODY = bytes.fromhex("bb005e 59 2a 01 1b 2a b40017 2c b70060 b0")
_NULL_AT = 5
_LDC_W, _INVOKESTATIC = 0x13, 0xB8
_STRING = "Ljava/lang/String;"


def ensure_patched_jar(tools: Path) -> Path:
    """The jar to put first on Spark's class path, with the patched class in it, written where it is not yet right.

    A jar and no folder, since Java makes no class data archive of a class path that holds a folder. Raises
    ToolchainError where pyspark or the known class is missing, OSError where `tools` can't be written.
    """
    jar = tools / "spark-classes" / "shuffle-bind.jar"
    content = patch_class(_read_original())
    if _read_class(jar) != content:
        jar.parent.mkdir(parents=True, exist_ok=True)
        fresh = jar.with_name(f"{jar.stem}.{os.getpid()}.new")
        with zipfile.ZipFile(fresh, "w") as opened:
            opened.writestr(CLASS, content)
        fresh.replace(jar)
    return jar


def patch_class(original: bytes) -> bytes:
    """The class file with `System.getProperty(PROPERTY, LOOPBACK)` for `null`. Raises ToolchainError on others."""
    if (found := hashlib.sha256(original).hexdigest()) != KNOWN_SHA256:
        raise ToolchainError(
            f"{CLASS} in pyspark is not the one of Spark 4.3.0 (SHA-256 {found}): Spark's streaming shuffle would "
            "listen on every interface, so nothing is started; run ./whale, which installs the pinned pyspark"
        )
    pool_end, body = original.index(_AFTER_POOL), original.index(_BODY)
    (count,) = struct.unpack_from(">H", original, 8)
    texts = (PROPERTY, LOOPBACK, "java/lang/System", "getProperty", f"({2 * _STRING}){_STRING}")
    pool = b"".join(struct.pack(">BH", 1, len(text)) + text.encode() for text in texts)
    name, default, system, method, descriptor, name_string, default_string, owner, signature, call = range(
        count, count + 10
    )
    pool += struct.pack(">BHBH", 8, name, 8, default)  # String constants
    pool += struct.pack(">BHBHHBHH", 7, system, 12, method, descriptor, 10, owner, signature)  # Class, its method
    host = struct.pack(">BHBHBH", _LDC_W, name_string, _LDC_W, default_string, _INVOKESTATIC, call)
    attribute, stack, local, code = struct.unpack_from(">IHHI", original, body - 12)
    added = len(host) - 1
    return b"".join(
        (
            original[:8],
            struct.pack(">H", count + 10),
            original[10:pool_end],
            pool,
            original[pool_end : body - 12],
            struct.pack(">IHHI", attribute + added, stack, local, code + added),
            original[body : body + _NULL_AT],
            host,
            original[body + _NULL_AT + 1 :],
        )
    )


def _read_class(jar: Path) -> bytes | None:
    """The class in a jar, None where there is no such jar or it is damaged."""
    try:
        with zipfile.ZipFile(jar) as opened:
            return opened.read(CLASS)
    except (OSError, KeyError, zipfile.BadZipFile):
        return None


def _read_original() -> bytes:
    pyspark = find_spec("pyspark")
    if pyspark is None or pyspark.origin is None:
        raise ToolchainError("pyspark is not installed: run ./whale, which sets it up")
    for jar in (Path(pyspark.origin).parent / "jars").glob("spark-network-common_*.jar"):
        with zipfile.ZipFile(jar) as opened:
            return opened.read(CLASS)
    raise ToolchainError("pyspark lacks its jar spark-network-common: remove .venv and run ./whale, which sets it up")

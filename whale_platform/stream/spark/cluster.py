"""A Spark cluster (`spark://…`): what its executors are started with, its master, and the folder that they share.

Nothing here needs a person to start it again: a master that is unavailable, workers that are not there yet and a folder
that executors do not see are named, and waited for. On this machine (`local[…]`) all of it is left out.
"""

import re
import socket
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from whale_platform import host_headers
from whale_platform.settings import Settings
from whale_platform.storage import folders
from whale_platform.storage.errors import ObjectStoreError
from whale_platform.storage.folders import Folder
from whale_platform.stream.spark import jvm_options
from whale_platform.toolchain import shuffle_bind
from whale_platform.toolchain.errors import ToolchainError

CONNECT_S = 2.0
SHARED_FOLDER_ADVICE = "mount the same disk there on every worker, or name one that they share by WHALE_SHARED"
OBJECT_STORE_ADVICE = "the workers need to reach the address of WHALE_S3_ENDPOINT"
_STANDALONE = re.compile(r"spark://([^/]+)")
EXECUTOR_OPTIONS = ("-XX:+UseParallelGC", *jvm_options.COMMON_JVM_OPTIONS, "-Djava.net.preferIPv4Stack=true")


def bind_address(settings: Settings) -> str:
    """Where the driver listens: on this machine alone, unless executors elsewhere are to reach it.

    Raises ToolchainError where they could not, as it would listen on this machine alone.
    """
    bind = "127.0.0.1" if host_headers.is_loopback(settings.spark_driver_host) else settings.bind
    if host_headers.is_loopback(bind) and not host_headers.is_loopback(settings.spark_driver_host):
        raise ToolchainError(
            f"executors are to reach the driver as {settings.spark_driver_host}, but it listens on {bind} alone: set "
            "WHALE_BIND to this host's address, or unset WHALE_SPARK_DRIVER_HOST"
        )
    return bind


def executor_settings(settings: Settings, classes: Iterable[Path]) -> dict[str, str]:
    """Spark's settings for executors of their own. `classes`: what goes first on their class path, as it is here.

    An executor's streaming shuffle listens on this machine alone where the driver does, else on every address of the
    executor's machine, whose own one no setting of the driver can name.
    """
    shuffle = "127.0.0.1" if host_headers.is_loopback(settings.spark_driver_host) else "0.0.0.0"
    there = settings.spark_executor_tools or settings.tools.absolute()
    path = ":".join(str(there / one.absolute().relative_to(settings.tools.absolute())) for one in classes)
    conf = {
        "spark.executor.memory": settings.spark_executor_memory,
        "spark.executor.extraJavaOptions": " ".join((*EXECUTOR_OPTIONS, f"-D{shuffle_bind.PROPERTY}={shuffle}")),
    }
    if path:
        conf["spark.executor.extraClassPath"] = path
    if settings.spark_executor_cores is not None:
        conf["spark.executor.cores"] = str(settings.spark_executor_cores)
    if settings.spark_cores is not None:
        conf["spark.cores.max"] = str(settings.spark_cores)
    return conf


def is_master_reachable(master: str) -> bool:
    """Whether one of the masters of a standalone cluster takes a connection; True for any other kind of master."""
    found = _STANDALONE.fullmatch(master)
    if found is None:
        return True
    for place in found[1].split(","):
        host, _, port = place.rpartition(":")
        with suppress(OSError, ValueError), socket.create_connection((host, int(port)), CONNECT_S):
            return True
    return False


def explain_unshared(session: SparkSession, folder: Folder, slots: int) -> str:
    """Why executors and driver do not see the same `folder`, in one sentence; empty where they do.

    Each of twice `slots` small tasks writes a file there, so that every executor has its turn, and the driver counts.
    """
    probe = folder / f".shared-{uuid.uuid4().hex}"
    tasks = 2 * slots
    try:
        folder.mkdir(parents=True, exist_ok=True)
        session.range(0, tasks, 1, tasks).selectExpr("cast(id as string)").write.text(folders.spark_path(probe))
        found = sum(len(path.read_text().split()) for path in folders.find_files(probe, "part-*"))
    except (PySparkException, Py4JJavaError, ObjectStoreError) as error:
        if session.sparkContext._jsc.sc().isStopped():
            raise
        why = str(error).splitlines()[0][:300]
        return f"Spark's executors can't write into the folder {folder} of the driver: {why}; {_advise(folder)}"
    finally:
        folders.delete_folder(probe)
    if found == tasks:
        return ""
    return (
        f"Spark's executors do not see the folder {folder} of the driver ({found} of {tasks} files arrived): "
        f"{_advise(folder)}"
    )


def _advise(folder: Folder) -> str:
    return OBJECT_STORE_ADVICE if folders.is_remote(folder) else SHARED_FOLDER_ADVICE

import os
import socket
import sys
import zipfile
from pathlib import Path

import psutil
import pytest

from whale_platform.toolchain import shuffle_bind
from whale_platform.toolchain.errors import ToolchainError
from whale_platform_tests.support.processes import find_open_ports


def read_class(jar: Path) -> bytes:
    with zipfile.ZipFile(jar) as opened:
        return opened.read(shuffle_bind.CLASS)


def test_the_jar_is_written_once_and_again_where_it_is_not_right(tmp_path: Path) -> None:
    jar = shuffle_bind.ensure_patched_jar(tmp_path)
    right, written = read_class(jar), jar.stat().st_mtime_ns
    assert shuffle_bind.PROPERTY.encode() in right
    shuffle_bind.ensure_patched_jar(tmp_path)
    assert jar.stat().st_mtime_ns == written, "a read-only image has it already"
    for damaged in (jar.read_bytes()[:100], b""):
        jar.write_bytes(damaged)
        shuffle_bind.ensure_patched_jar(tmp_path)
        assert read_class(jar) == right
    with zipfile.ZipFile(jar, "w") as opened:
        opened.writestr(shuffle_bind.CLASS, b"another class")
    shuffle_bind.ensure_patched_jar(tmp_path)
    assert read_class(jar) == right
    assert list(jar.parent.iterdir()) == [jar]


def test_another_class_than_the_known_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jars = tmp_path / "pyspark" / "jars"
    jars.mkdir(parents=True)
    (jars.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pyspark", raising=False)  # another test may have imported the real one
    with pytest.raises(ToolchainError, match="lacks its jar spark-network-common"):
        shuffle_bind.ensure_patched_jar(tmp_path)
    with zipfile.ZipFile(jars / "spark-network-common_2.13-9.9.9.jar", "w") as jar:
        jar.writestr(shuffle_bind.CLASS, b"\xca\xfe\xba\xbe of another Spark")
    with pytest.raises(ToolchainError, match="would listen on every interface, so nothing is started"):
        shuffle_bind.ensure_patched_jar(tmp_path)
    assert not (tmp_path / "spark-classes").exists()


@pytest.mark.parametrize(
    ("family", "kind", "address", "open_to_all"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", False),
        (socket.AF_INET, socket.SOCK_STREAM, "0.0.0.0", True),
        (socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1", False),
        (socket.AF_INET, socket.SOCK_DGRAM, "0.0.0.0", True),
        (socket.AF_INET6, socket.SOCK_STREAM, "::ffff:127.0.0.1", False),
        (socket.AF_INET6, socket.SOCK_STREAM, "::1", False),
        (socket.AF_INET6, socket.SOCK_STREAM, "::", True),
    ],
)
def test_what_the_tests_take_for_open_to_others(
    family: socket.AddressFamily, kind: socket.SocketKind, address: str, open_to_all: bool
) -> None:
    before = find_open_ports([psutil.Process()])
    with socket.socket(family, kind) as one:
        one.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            one.listen()
        name = f"{os.getpid()} {psutil.Process().name()} {address} {one.getsockname()[1]}"
        assert [found for found in find_open_ports([psutil.Process()]) if found not in before] == [name] * open_to_all

"""A machine within this one: a network of its own with an address for each container, and an end to all of it at once.

Its first process holds the namespaces; when that one ends, or whoever started it, the kernel kills all that is in them.
Skips the test, saying so, where this machine does not permit namespaces.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from whale_platform_tests.support.fake_services import wait_for_result

NEEDED = ("unshare", "nsenter", "mount", "ip", "docker-compose")
CLONE_NEWNET = 0x40000000
KERNEL = ctypes.CDLL(None, use_errno=True)
RESPONSE_S = 60.0
Answer = TypeVar("Answer")
HOLD = 'touch "$1"; exec sleep infinity'
KEPT = "whale_platform.supervision.processes.parent_watch"  # the kernel kills it with the thread that started it


class Machine:
    """Namespaces with a bridge; `addresses` by container."""

    def __init__(self, holder: int, addresses: dict[str, str]) -> None:
        self.holder = holder  # the pid, as this machine counts
        self.addresses = addresses

    def command(self, container: str, words: Sequence[str]) -> list[str]:
        """What runs `words` in the machine and in the network of `container`."""
        inside = ["nsenter", "-t", str(self.holder), "-m", "-n", "-p", "ip", "netns", "exec", container]
        return [*inside, *words]

    def processes(self) -> list[str]:
        """Command lines of all that live in it but the one that holds it."""
        entries = Path(f"/proc/{self.holder}/root/proc").iterdir()
        pids = [one for one in entries if one.name.isdigit() and one.name != "1"]
        words = [(one / "cmdline").read_bytes().replace(b"\0", b" ").decode() for one in pids]
        return [line for line in words if line]  # one that has ended has none

    def within(self, ask: Callable[[], Answer]) -> Answer:
        """Call `ask` in a thread whose connections are the machine's. Raises what it raises."""

        def work() -> Answer:
            with Path(f"/proc/{self.holder}/ns/net").open() as there:
                if KERNEL.setns(there.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            return ask()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(work).result()

    def connect(self, container: str, port: int) -> socket.socket:
        """A connection from the machine to a container's port. Raises OSError."""
        return self.within(lambda: socket.create_connection((self.addresses[container], port), RESPONSE_S))


@contextmanager
def start_machine(folder: Path, containers: Sequence[str]) -> Iterator[Machine]:
    """One with a network for each of `containers`."""
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        pytest.skip(f"no containers here: {', '.join(missing)} missing (Debian: iproute2 docker-compose)")
    if os.geteuid() != 0:
        pytest.skip("containers without an engine need root")
    mark = folder / "machine"
    spaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    words = [sys.executable, "-m", KEPT, "SIGKILL", *spaces, "sh", "-c", HOLD, "sh", str(mark)]
    holder = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_for_result(lambda: mark.exists() or holder.poll() is not None, 600)
        if holder.poll() is not None:
            pytest.skip(f"no namespaces here: {holder.communicate()[1].strip()}")
        first = psutil.Process(holder.pid).children()[0].pid
        addresses = {name: f"10.77.0.{number}" for number, name in enumerate(containers, 2)}
        _network(first, addresses)
        _try_layers(first, folder / "probe")
        yield Machine(first, addresses)
    finally:
        holder.kill()
        holder.communicate()


def _try_layers(holder: int, folder: Path) -> None:
    """Skip where this machine refuses what images are made of: a layer over a folder, with a file deleted in it."""
    below = folder / "below"
    lines = [
        f"mkdir -p {below} {folder}/above {folder}/work {folder}/all",
        f"touch {below}/deleted",
        f"mknod {folder}/above/deleted c 0 0",
        f"mount -t overlay overlay -o lowerdir={below},upperdir={folder}/above,workdir={folder}/work {folder}/all",
        f"test ! -e {folder}/all/deleted",
        f"umount {folder}/all",
    ]
    inside = ["nsenter", "-t", str(holder), "-m", "-p", "sh", "-euc", "\n".join(lines)]
    done = subprocess.run(inside, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no layers of images here: {done.stderr.strip()}")


def _network(holder: int, addresses: dict[str, str]) -> None:
    lines = ["ip link set lo up", "ip link add bridge type bridge", "ip addr add 10.77.0.1/24 dev bridge"]
    lines += ["ip link set bridge up", "mount -t tmpfs tmpfs /run"]  # `ip netns` keeps its names there
    for number, (name, address) in enumerate(addresses.items()):
        lines += [
            f"ip netns add {name}",
            f"ip link add v{number} type veth peer name eth0 netns {name}",
            f"ip link set v{number} master bridge up",
            f"ip -n {name} addr add {address}/24 dev eth0",
            f"ip -n {name} link set eth0 up",
            f"ip -n {name} link set lo up",
        ]
    inside = ["nsenter", "-t", str(holder), "-m", "-n", "-p", "sh", "-euc", "\n".join(lines)]
    done = subprocess.run(inside, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no network of containers here: {done.stderr.strip()}")

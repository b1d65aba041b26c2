"""What tests ask of processes that end while they are asked."""

import contextlib
import ipaddress
import time
from collections.abc import Iterable
from pathlib import Path

import psutil


def ended(process: psutil.Process) -> bool:
    """Whether it is gone, or waits only for its parent to take note."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def suspend(process: psutil.Process) -> None:
    """SIGSTOP, and wait until the last of its threads has stopped: it goes on for a moment after the signal is sent."""
    process.suspend()
    threads = Path(f"/proc/{process.pid}/task")
    while any((one / "stat").read_text().rpartition(")")[2].split()[0] not in "TZ" for one in threads.iterdir()):
        time.sleep(0.01)


def find_open_ports(processes: Iterable[psutil.Process]) -> list[str]:
    """The TCP and UDP sockets of these processes that another machine could send to, as `pid name address port`."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            for socket in process.net_connections("inet"):
                if not any(socket.raddr) and not _loopback(socket.laddr.ip):
                    found.append(f"{process.pid} {process.name()} {socket.laddr.ip} {socket.laddr.port}")
    return found


def find_listening_ports(processes: Iterable[psutil.Process]) -> set[int]:
    """The TCP ports that these processes listen on."""
    ports = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            ports |= {one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
    return ports


def _loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback

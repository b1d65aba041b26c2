"""Whether a port is free, and if not, who has it: checked before a server starts, whose own error is a stack trace."""

import errno
import socket
import time
from collections.abc import Mapping

import psutil

from whale_platform.embedded.errors import EmbeddedServerError

_POLL_S = 0.1


def find_port_holder(port: int) -> str | None:
    """Who listens on the TCP port, such as `java (pid 4711)`; None where nobody does or the system does not tell."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return None


def check_ports_free(wanted: Mapping[str, int], wait_s: float = 0.0) -> None:
    """Raise EmbeddedServerError for the first port of `wanted` that is not free.

    `wanted`: setting such as WHALE_KAFKA_PORT -> port. Waits up to `wait_s` seconds in all for ports in use: a server
    that was just told to stop may need a moment.
    """
    seen: dict[int, str] = {}
    deadline = time.monotonic() + wait_s
    for setting, port in wanted.items():
        if port in seen:
            raise EmbeddedServerError(f"{seen[port]} and {setting} are both {port}: give each its own port")
        seen[port] = setting
        while (problem := _try_bind(port)) == errno.EADDRINUSE and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if problem == errno.EADDRINUSE:
            who = find_port_holder(port) or "another program"
            raise EmbeddedServerError(f"port {port} is in use by {who}: end it, or set {setting} to another port")
        if problem:
            raise EmbeddedServerError(f"port {port} may not be used by this user: set {setting} to one above 1023")


def _try_bind(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno or errno.EACCES
    return 0

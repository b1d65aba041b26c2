"""The ping against a real gRPC server: what answers, what refuses, and what only has a kernel that accepts."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from whale_platform.embedded import grpc_ping
from whale_platform_tests.support.processes import suspend

SERVER = """
import sys
from concurrent import futures
import grpc
def ping(request, context):
    return b"pong"
server = grpc.server(futures.ThreadPoolExecutor(1))
handler = grpc.unary_unary_rpc_method_handler(ping)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("api.DagsterApi", {"Ping": handler}),))
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""


@pytest.fixture
def server() -> Iterator[tuple[int, int]]:
    """pid and port."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def ask(port: int, within_s: float, path: str = grpc_ping.PING_PATH) -> bool:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        return grpc_ping.server_responds(sock, within_s, path)


@pytest.mark.process
def test_it_is_answered_by_a_server_that_works_and_by_no_other(server: tuple[int, int]) -> None:
    pid, port = server
    assert ask(port, 60) and ask(port, 60)
    assert ask(port, 60, "/api.DagsterApi/Unknown"), "a refusal is an answer too"
    suspend(psutil.Process(pid))
    assert not ask(port, 1)
    os.kill(pid, signal.SIGCONT)
    assert ask(port, 60)


def test_what_hangs_up_has_not_answered() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        assert not grpc_ping.server_responds(ours, 60)

"""One call over gRPC without its library: whether Dagster's code server really answers, not only its kernel.

A connection is accepted for a process that is stopped or hangs; a reply to `Ping` needs a thread of its Python code.
"""

import socket
import struct
import sys
import time

PING_PATH = "/api.DagsterApi/Ping"
RESPONSE_S = 20.0
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _END_HEADERS = 1, 4


def server_responds(sock: socket.socket, within_s: float, path: str = PING_PATH) -> bool:
    """Whether the server at the other end answers an empty call of `path`, be it with an error; `sock` is connected."""
    until = time.monotonic() + within_s
    headers = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost", "te": "trailers"}
    headers["content-type"] = "application/grpc"
    block = b"".join(b"\x00" + _encode_text(name) + _encode_text(value) for name, value in headers.items())
    call = _build_frame(_HEADERS, _END_HEADERS, 1, block) + _build_frame(_DATA, _END_STREAM, 1, bytes(5))
    try:
        sock.settimeout(within_s)
        sock.sendall(_PREFACE + _build_frame(_SETTINGS, 0, 0, b"") + call)
        while (left_s := until - time.monotonic()) > 0:
            sock.settimeout(left_s)
            head = _receive_exactly(sock, 9)
            kind, stream = head[3], int.from_bytes(head[5:9], "big")
            _receive_exactly(sock, int.from_bytes(head[:3], "big"))
            if kind in (_GOAWAY, _RESET):
                return False
            if kind == _HEADERS and stream == 1:
                return True
    except OSError:
        pass
    return False


def main(address: str) -> int:
    """`python -m whale_platform.embedded.grpc_ping HOST:PORT`: a cheap health check; returns the exit code."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), RESPONSE_S) as sock:
            return 0 if server_responds(sock, RESPONSE_S) else 1
    except OSError:
        return 1


def _encode_text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _build_frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + body


def _receive_exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("the server has hung up")
        data += more
    return data


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

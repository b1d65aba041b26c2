"""A time limit over a whole conversation: a socket's own time-out starts again with each byte that arrives."""

import contextlib
import socket
import threading
from collections.abc import Callable


class Deadline:
    """Ends `sock()`, where there is one, after so many seconds; whoever reads from it sees its end.

    Use as a context; `over` says afterwards whether the limit was passed.
    """

    def __init__(self, after_s: float, sock: Callable[[], socket.socket | None]) -> None:
        self.over = False
        self._sock = sock
        self._timer = threading.Timer(after_s, self._shut_down_socket)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _shut_down_socket(self) -> None:
        self.over = True
        sock = self._sock()
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not TLS's own, which would wait for the far side

"""uvicorn's WebSocket protocol with bounds: so many frames a second, and nothing is read that can't be answered.

What a client says is counted message by message in `websocket.py`; pings, pongs and fragments never get there, and each
ping is answered. A large read is taken in slices, because the parser goes through all it is given at once.
"""

from collections.abc import Callable

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from whale_platform.api.push.fanout.client_limits import FrameBucket

FRAMES_PER_S, BURST = 20.0, 200
SLICE = 4_096
TOO_MANY, NO_UTF8 = 1008, 1007


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Closes with 1008 where frames come too often. `when_lost` is called at its end."""

    when_lost: Callable[[], None] = staticmethod(lambda: None)
    _bucket: FrameBucket | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Call `when_lost` as well."""
        super().connection_lost(exc)
        self.when_lost()

    def data_received(self, data: bytes) -> None:
        """In slices, until there are too many frames."""
        for start in range(0, len(data), SLICE):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + SLICE])

    def handle_events(self) -> None:
        """Only while there are not too many."""
        frames = sum(isinstance(event, Frame) for event in self.conn.events)
        self._bucket = self._bucket or FrameBucket(FRAMES_PER_S, BURST)
        if self._bucket.try_take(frames):
            super().handle_events()
            return
        self.conn.data_to_send()  # what would be answered
        if not self.close_sent:
            self._fail_connection(TOO_MANY, "too many frames")
        self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """A text that is none ends the connection, without a traceback for each."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self._fail_connection(NO_UTF8, "a text must be UTF-8")
                self.transport.close()
                return
        super().send_receive_event_to_app()

    def pause_writing(self) -> None:
        """Nor is anything read that would have to be answered."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Resume writing and reading."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def _fail_connection(self, code: int, reason: str) -> None:
        self.frames = []
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.fail(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True

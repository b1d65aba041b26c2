"""websocket-client's socket with a buffered reader: three times the frames a second, and a limit on their size.

The library reads two bytes, then the length, then the payload, with a system call each, and would take a payload of
any length into memory. Here one call reads what is there, and a frame or a message over `MAX_FRAME` raises
FrameTooLargeError before its payload is read. A timeout in the middle of a frame loses nothing: reading goes on later.
Whole messages of one short frame, which is what exchanges send, are cut out of the buffer without the library's object
for a frame; everything else (fragments, pings, closing, what breaks the protocol) is the library's business.
"""

import struct
import time
from collections.abc import Sequence
from typing import Any

from websocket import ABNF, WebSocket, WebSocketBadStatusException, WebSocketException, WebSocketProtocolException

from whale_platform.ingest.errors import FrameTooLargeError
from whale_platform.ingest.transport.deadline import Deadline

MAX_FRAME = 16 * 1024 * 1024
READ_BYTES = 65_536
CONNECT_S = 10.0
HANDSHAKE_S = 60.0  # all of it, however slowly it comes
TICK_S = 1.0
WHOLE_TEXT, WHOLE_BINARY = 0x80 | ABNF.OPCODE_TEXT, 0x80 | ABNF.OPCODE_BINARY  # the first byte of an unfragmented frame


class BufferedWebSocket(WebSocket):  # type: ignore[misc]
    """Use like WebSocket; `received_us` is when the last bytes were read, microseconds UTC."""

    def __init__(self) -> None:
        super().__init__(skip_utf8_validation=True)
        self.received_us = 0
        self._buffer = bytearray()
        self._at = 0
        self._message = 0

    def open(self, url: str, handshake_s: float = HANDSHAKE_S) -> None:
        """Connect; afterwards reads time out every `TICK_S`. Raises WebSocketException or OSError.

        A redirect is not followed, since it could lead to this machine's own servers: WebSocketBadStatusException.
        """
        deadline = Deadline(handshake_s, lambda: self.sock)
        try:
            with deadline:
                self.connect(url, timeout=CONNECT_S, suppress_origin=True, redirect_limit=0)
        except (WebSocketException, OSError) as error:
            if deadline.over:
                raise WebSocketException(f"no WebSocket within {handshake_s:g} s") from None
            answer = self.handshake_response
            if answer is None or not 300 <= answer.status < 400:
                raise
            raise WebSocketBadStatusException(str(error), answer.status) from None
        self.settimeout(TICK_S)

    def read_messages(self) -> Sequence[tuple[int, bytes]]:
        """Wait for a message; (opcode, payload) of it and of those that have come with it, control frames among them.

        Raises as websocket-client's `recv_data_frame` does, and FrameTooLargeError.
        """
        if self._at == len(self._buffer):
            self._receive()
        messages = self._take_whole_messages()
        if not messages:
            opcode, frame = self.recv_data_frame(True)
            messages = [(opcode, frame.data)]
        return messages

    def recv_frame(self) -> Any:
        """The next frame as websocket-client's ABNF."""
        while True:
            frame = self._parse_frame()
            if frame is not None:
                return frame
            self._receive()

    def _receive(self) -> None:
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += self._recv(READ_BYTES)
        self.received_us = time.time_ns() // 1000

    def _take_whole_messages(self) -> list[tuple[int, bytes]]:
        """Messages at the head of the buffer, up to the first that is not all there or of another kind."""
        messages: list[tuple[int, bytes]] = []
        if self.cont_frame.recving_frames:
            return messages
        buffer, at, have = self._buffer, self._at, len(self._buffer)
        while at + 4 <= have and buffer[at] in (WHOLE_TEXT, WHOLE_BINARY):
            length, start = buffer[at + 1], at + 2
            if length == 126:
                length, start = buffer[at + 2] << 8 | buffer[at + 3], at + 4
            elif length > 126:
                break
            end = start + length
            if end > have:
                break
            messages.append((buffer[at] & 0xF, bytes(buffer[start:end])))
            at = end
        self._at = at
        return messages

    def _parse_frame(self) -> Any:
        buffer, at = self._buffer, self._at
        have = len(buffer) - at
        if have < 2:
            return None
        first, length = buffer[at], buffer[at + 1]
        start = at + 2
        if length > 127:
            raise WebSocketProtocolException("the server masks its frames")
        if length == 126:
            if have < 4:
                return None
            (length,) = struct.unpack_from("!H", buffer, at + 2)
            start = at + 4
        elif length == 127:
            if have < 10:
                return None
            (length,) = struct.unpack_from("!Q", buffer, at + 2)
            start = at + 10
        opcode = first & 0xF
        total = length + self._message if opcode == ABNF.OPCODE_CONT else length
        if total > MAX_FRAME:
            raise FrameTooLargeError(total, MAX_FRAME, bytes(buffer[start : start + READ_BYTES]))
        end = start + length
        if len(buffer) < end:
            return None
        if opcode < ABNF.OPCODE_CLOSE:
            self._message = 0 if first & 0x80 else total
        frame = ABNF(first >> 7, first >> 6 & 1, first >> 5 & 1, first >> 4 & 1, opcode, 0, bytes(buffer[start:end]))
        frame.validate(True)
        self._at = end
        return frame

"""The buffered frame reader: whatever way the bytes come in pieces, the frames are the same."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websocket import ABNF, WebSocketProtocolException, WebSocketTimeoutException

from whale_platform.ingest.connections import connection
from whale_platform.ingest.errors import FrameTooLargeError
from whale_platform.ingest.transport import websocket as sockets
from whale_platform.ingest.transport.websocket import BufferedWebSocket


class Fed(BufferedWebSocket):
    """Reads from a list of pieces; None is a timeout."""

    def __init__(self, pieces: list[bytes | None]) -> None:
        super().__init__()
        self.pongs: list[bytes | str] = []
        self._pieces = pieces

    def pong(self, payload: bytes | str = b"") -> None:
        """The library answers each ping with it."""
        self.pongs.append(payload)

    def _recv(self, bufsize: int) -> bytes:
        piece = self._pieces.pop(0)
        if piece is None:
            raise WebSocketTimeoutException
        return piece


def wire(payload: bytes, opcode: int = ABNF.OPCODE_BINARY, fin: int = 1, length: int | None = None) -> bytes:
    """An unmasked frame; `length` may lie."""
    size = len(payload) if length is None else length
    head = bytes([fin << 7 | opcode])
    if size < 126:
        return head + bytes([size]) + payload
    if size < 65_536:
        return head + b"\x7e" + struct.pack("!H", size) + payload
    return head + b"\x7f" + struct.pack("!Q", size) + payload


SIZES = st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])


@given(st.lists(SIZES, min_size=1, max_size=4), st.lists(st.integers(1, 70_000), max_size=12), st.data())
def test_frames_come_out_as_they_went_in(sizes: list[int], cuts: list[int], data: st.DataObject) -> None:
    payloads = [bytes([index]) * size for index, size in enumerate(sizes)]
    stream = b"".join(map(wire, payloads))
    pieces: list[bytes | None] = []
    for cut in cuts:
        if stream:
            pieces += [None] * data.draw(st.integers(0, 1))
            pieces.append(stream[:cut])
            stream = stream[cut:]
    socket = Fed([*pieces, stream] if stream else pieces)
    found: list[bytes] = []
    while len(found) < len(payloads):
        try:
            found.append(socket.recv_data_frame(True)[1].data)
        except WebSocketTimeoutException:
            continue
    assert found == payloads


WHOLE = st.builds(
    lambda size, opcode: [wire(b"w" * size, opcode)], SIZES, st.sampled_from([ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY])
)
FRAGMENTS = st.lists(st.integers(0, 200), min_size=1, max_size=3).map(
    lambda sizes: [
        wire(b"begin", ABNF.OPCODE_TEXT, 0),
        *(wire(b"f" * size, ABNF.OPCODE_CONT, 0) for size in sizes),
        wire(b"end", ABNF.OPCODE_CONT),
    ]
)
CONTROL = st.sampled_from([[wire(b"p", ABNF.OPCODE_PING)], [wire(b"", ABNF.OPCODE_PONG)]])


@given(st.lists(WHOLE | FRAGMENTS | CONTROL, min_size=1, max_size=6), st.lists(st.integers(1, 300), max_size=20))
def test_messages_that_come_together_are_those_that_the_library_reads_alone(
    parts: list[list[bytes]], cuts: list[int]
) -> None:
    stream = b"".join(frame for part in parts for frame in part)
    pieces: list[bytes | None] = []
    for cut in cuts:
        pieces += [stream[:cut], None] if stream else []
        stream = stream[cut:]
    pieces += [stream] if stream else []

    def read(alone: bool) -> tuple[list[tuple[int, bytes]], list[bytes | str]]:
        socket = Fed(list(pieces))
        found: list[tuple[int, bytes]] = []
        while len(found) < len(parts):
            try:
                if alone:
                    opcode, frame = socket.recv_data_frame(True)
                    found.append((opcode, frame.data))
                else:
                    found += socket.read_messages()
            except WebSocketTimeoutException:
                continue
        return found, socket.pongs

    assert read(alone=False) == read(alone=True)


def test_a_message_within_another_ones_fragments_breaks_the_protocol() -> None:
    socket = Fed([wire(b"begin", ABNF.OPCODE_TEXT, 0), None, wire(b"whole", ABNF.OPCODE_TEXT)])
    with pytest.raises(WebSocketTimeoutException):
        socket.read_messages()
    with pytest.raises(WebSocketProtocolException):
        socket.read_messages()


def test_a_masked_message_among_others_breaks_the_protocol_once_they_are_read() -> None:
    socket = Fed([wire(b"plain") + b"\x81\x81abcdx"])
    assert socket.read_messages() == [(ABNF.OPCODE_BINARY, b"plain")]
    with pytest.raises(WebSocketProtocolException):
        socket.read_messages()


def test_a_message_in_fragments_is_put_together() -> None:
    parts = wire(b"one ", ABNF.OPCODE_TEXT, 0) + wire(b"two ", ABNF.OPCODE_CONT, 0) + wire(b"three", ABNF.OPCODE_CONT)
    opcode, frame = Fed([parts]).recv_data_frame(True)
    assert (opcode, frame.data) == (ABNF.OPCODE_TEXT, b"one two three")


def test_the_limit_holds_before_the_payload_comes() -> None:
    with pytest.raises(FrameTooLargeError) as large:
        Fed([wire(b"begin", length=1 << 62)]).recv_frame()
    assert large.value.start == b"begin"


def test_the_limit_holds_for_all_fragments_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MAX_FRAME", 100)
    socket = Fed([wire(b"x" * 60, fin=0), wire(b"x" * 60, ABNF.OPCODE_CONT)])
    with pytest.raises(FrameTooLargeError):
        socket.recv_data_frame(True)


def test_a_masked_frame_is_a_protocol_error() -> None:
    with pytest.raises(WebSocketProtocolException):
        Fed([b"\x81\x81abcdx"]).recv_frame()


def test_a_reason_for_closing_is_plain_text() -> None:
    said = connection._describe_close(struct.pack("!H", 1008) + "\x1b]0;gone\x07 \u202e".encode() + b"\xff")
    assert said == "closed by the exchange, code 1008: ?]0;gone? ?\ufffd"

"""Answers with their round trips, and refusals with what the exchange tells about waiting."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest
from websocket import WebSocketBadStatusException, WebSocketException

from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform.ingest.transport.rest_client import RestClient, TimedResponse
from whale_platform.ingest.transport.websocket import BufferedWebSocket
from whale_platform_tests.ingest.fake_binance import FakeBinance


@pytest.fixture
def inside() -> Iterator[tuple[str, list[str]]]:
    """A server of this machine, and what it was asked."""
    asked: list[str] = []

    def answer(path: str) -> tuple[HTTPStatus, str]:
        asked.append(path)
        return HTTPStatus.OK, "{}"

    made = FakeBinance()
    made.answer = answer
    yield made.rest_url, asked
    made.close()


def test_the_round_trip_begins_when_the_connection_stands(fake: FakeBinance, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.create_connection

    def slow(*given: object, **more: object) -> socket.socket:
        time.sleep(1.0)
        return connect(*given, **more)  # type: ignore[arg-type]

    def answer(_path: str) -> tuple[HTTPStatus, str]:
        time.sleep(0.2)
        return HTTPStatus.OK, "{}"

    monkeypatch.setattr(socket, "create_connection", slow)
    fake.answer = answer
    begun_us = time.time_ns() // 1000
    found = RestClient("binance").fetch(f"{fake.rest_url}/api/v3/time")
    assert found.body == b"{}"
    assert found.sent_us - begun_us >= 1_000_000
    assert 200_000 <= found.round_trip_us < 900_000


@pytest.mark.parametrize(("status", "shared"), [(429, True), (418, True), (503, True), (403, False), (451, False)])
def test_once_told_to_wait_nobody_asks(fake: FakeBinance, status: int, shared: bool) -> None:
    asked: list[str] = []

    def refuse(path: str) -> tuple[HTTPStatus, str]:
        asked.append(path)
        return HTTPStatus(status), ""

    fake.answer, fake.retry_after = refuse, "3600"
    rest = RestClient("binance")
    with pytest.raises(HttpUnavailableError) as refused:
        rest.fetch(fake.rest_url)
    assert refused.value.status == status and refused.value.wait_s is not None
    with pytest.raises(HttpUnavailableError, match=str(refused.value).split("(")[0]) as again:
        rest.fetch(fake.rest_url)
    assert len(asked) == (1 if shared else 2)
    if shared:
        assert again.value.wait_s == pytest.approx(3600, abs=60)


def test_after_the_wait_it_is_asked_again() -> None:
    now = 0.0

    def fetch(_url: str, _timeout_s: float) -> TimedResponse:
        if now < 60:
            raise HttpUnavailableError("too many requests", 429, 60.0)
        return TimedResponse(b"", 0, 0)

    rest = RestClient("binance", fetch, lambda: now)
    with pytest.raises(HttpUnavailableError):
        rest.fetch("")
    now = 45.0
    with pytest.raises(HttpUnavailableError) as refused:
        rest.fetch("")
    assert (str(refused.value), refused.value.wait_s) == ("too many requests", 15.0)
    now = 60.0
    assert rest.fetch("") == TimedResponse(b"", 0, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(fake: FakeBinance, inside: tuple[str, list[str]], status: int) -> None:
    address, asked = inside
    fake.answer, fake.location = lambda _path: (HTTPStatus(status), ""), f"{address}/graphql?query=mutation"
    with pytest.raises(HttpUnavailableError, match="sends to another address") as refused:
        RestClient("binance").fetch(f"{fake.rest_url}/api/v3/time")
    assert (refused.value.status, asked) == (status, [])
    with pytest.raises(WebSocketBadStatusException) as closed:
        BufferedWebSocket().open(f"{fake.ws_url}/stream")
    assert (closed.value.status_code, asked) == (status, [])


@pytest.mark.parametrize("url", ["file:///etc/hostname", "http://exchange.example/api", "ftp://127.0.0.1/", "//x"])
def test_only_tls_and_this_machine_are_asked(url: str) -> None:
    with pytest.raises(HttpUnavailableError, match="must begin with https://"):
        RestClient("binance").fetch(url)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


def ask(port: int) -> None:
    RestClient("binance").fetch(f"http://127.0.0.1:{port}/", 0.5)


@pytest.mark.parametrize(
    ("head", "act", "why"),
    [
        (OK, ask, r"did not answer whole within 0\.5 s"),
        (b"HTTP/1.1 200 OK\r\nX: ", ask, r"did not answer whole within 0\.5 s"),
        (
            b"HTTP/1.1 101 OK\r\nX: ",
            lambda port: BufferedWebSocket().open(f"ws://127.0.0.1:{port}/", 0.5),
            r"no WebSocket within 0\.5 s",
        ),
    ],
    ids=["body", "head", "handshake"],
)
def test_an_answer_that_trickles_is_cut_off_when_its_time_is_over(
    head: bytes, act: Callable[[int], None], why: str
) -> None:
    sent = 0
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            nonlocal sent
            client = server.accept()[0]
            with client, contextlib.suppress(OSError):
                client.sendall(head)
                while sent < 2_000:  # each byte well within the time-out of a single read
                    client.sendall(b"x")
                    sent += 1
                    time.sleep(0.05)

        thread = threading.Thread(target=trickle)
        thread.start()
        with pytest.raises((HttpUnavailableError, WebSocketException), match=why):
            act(server.getsockname()[1])
        thread.join()
    assert sent < 1_000, "it was not read to its end"


def test_nobody_there_is_told(fake: FakeBinance) -> None:
    url = fake.rest_url
    fake.close()
    with pytest.raises(HttpUnavailableError, match="REST address can't be reached") as refused:
        RestClient("binance").fetch(url)
    assert refused.value.wait_s is None


def test_a_simulator_on_another_host_is_asked_without_tls_and_an_exchange_is_not() -> None:
    url = "http://no-such-neighbour:1/"
    with pytest.raises(HttpUnavailableError) as failed:
        RestClient("sim_binance", simulated=True).fetch(url, 0.5)
    assert "must begin with https" not in str(failed.value)
    with pytest.raises(HttpUnavailableError, match="must begin with https://"):
        RestClient("binance").fetch(url)

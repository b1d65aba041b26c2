"""Answers with their round trips, and refusals with what the exchange tells about waiting."""

import socket
import time
from http import HTTPStatus

import pytest

from whale_platform.ingest.rest import Answer, Rest, Unavailable
from whale_platform_tests.ingest.fake_binance import FakeBinance


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
    found = Rest("binance").ask(f"{fake.rest_url}/api/v3/time")
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
    rest = Rest("binance")
    with pytest.raises(Unavailable) as refused:
        rest.ask(fake.rest_url)
    assert refused.value.status == status and refused.value.wait_s is not None
    with pytest.raises(Unavailable, match=str(refused.value).split("(")[0]) as again:
        rest.ask(fake.rest_url)
    assert len(asked) == (1 if shared else 2)
    if shared:
        assert again.value.wait_s == pytest.approx(3600, abs=60)


def test_after_the_wait_it_is_asked_again() -> None:
    now = 0.0

    def fetch(_url: str, _timeout_s: float) -> Answer:
        if now < 60:
            raise Unavailable("too many requests", 429, 60.0)
        return Answer(b"", 0, 0)

    rest = Rest("binance", fetch, lambda: now)
    with pytest.raises(Unavailable):
        rest.ask("")
    now = 45.0
    with pytest.raises(Unavailable) as refused:
        rest.ask("")
    assert (str(refused.value), refused.value.wait_s) == ("too many requests", 15.0)
    now = 60.0
    assert rest.ask("") == Answer(b"", 0, 0)


def test_nobody_there_is_told(fake: FakeBinance) -> None:
    url = fake.rest_url
    fake.close()
    with pytest.raises(Unavailable, match="REST address can't be reached") as refused:
        Rest("binance").ask(url)
    assert refused.value.wait_s is None

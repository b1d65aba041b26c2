"""Whales as Server-Sent Events, over restarts of the server."""

import threading
import time
from collections.abc import Iterator

import httpx

from whale_platform_tests.api.push.conftest import LiveProcess
from whale_platform_tests.api.push.test_websocket import Say


def events(live: LiveProcess, last: str = "", **query: str) -> Iterator[tuple[str, str, str]]:
    """(id, event, data) of a new connection, until it ends."""
    headers = {"Last-Event-ID": last} if last else {}
    url = f"http://127.0.0.1:{live.port}/whales/stream"
    with httpx.stream("GET", url, params=query, headers=headers, timeout=300, trust_env=False) as answer:
        assert answer.status_code == 200, (answer.read(), last)
        fields: dict[str, str] = {}
        try:
            for line in answer.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    yield fields.get("id", ""), fields.get("event", ""), fields.get("data", "")
                    fields = {}
        except (httpx.RemoteProtocolError, httpx.ReadError):
            return


def begun(live: LiveProcess) -> tuple[Iterator[tuple[str, str, str]], str]:
    """A connection whose place is known."""
    stream = events(live)
    return stream, next(place for place, _, _ in stream if place)


def test_none_missed_and_none_twice_over_restarts(live: LiveProcess, say: Say) -> None:
    stream, last = begun(live)
    got: list[str] = []
    stop = threading.Event()

    def flow() -> None:
        for number in range(300):
            say(number)
            stop.wait(0.02)

    sender = threading.Thread(target=flow)
    sender.start()
    for stops in (20, 60, 100, 300):
        for place, event, data in stream:
            last = place or last
            if event == "whale":
                got.append(data)
            if len(got) >= stops:
                break
        if stops < 300:
            live.stop()
            time.sleep(0.5)
            live.start()
        stream = events(live, last)
    sender.join()
    assert len(got) == len(set(got)) == 300


def test_filters_and_refusals(live: LiveProcess, say: Say) -> None:
    _, last = begun(live)
    for number in range(8):
        say(number)
    wanted = events(live, last, symbol="S1", min_notional_usd="100000")
    assert [next(data for _, event, data in wanted if event == "whale").count('"S1"') for _ in range(2)] == [1, 1]
    for query in ({"cursor": "junk"}, {"min_notional_usd": "-1"}):
        url = f"http://127.0.0.1:{live.port}/whales/stream"
        assert httpx.get(url, params=query, trust_env=False).status_code == 422

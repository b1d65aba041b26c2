"""Who may pass to Dagster's webserver, judged by headers; the real one: e2e/running/dagster/test_door.py."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform import host_headers
from whale_platform.embedded.dagster_access import (
    SECURITY_HEADERS,
    AsgiReceive,
    AsgiScope,
    AsgiSend,
    DagsterAccessCheck,
    find_refusal,
    has_only_queries,
)

HOST = "127.0.0.1:13000"
JSON = ("content-type", "application/json")


def scope(*headers: tuple[str, str], method: str = "GET", path: str = "/", kind: str = "http") -> AsgiScope:
    given_host = [] if any(name == "host" for name, _ in headers) else [("host", HOST)]
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in [*given_host, *headers]]
    return {"type": kind, "headers": pairs, "path": path, **({"method": method} if kind == "http" else {})}


def status(*headers: tuple[str, str], names: tuple[str, ...] = (), **more: str) -> int | None:
    found = find_refusal(scope(*headers, **more), names)
    return found[0] if found else None


@pytest.mark.parametrize("host", [HOST, "localhost:13000", "LOCALHOST", "[::1]:13000", "127.0.0.2"])
def test_this_machine_s_names_are_known(host: str) -> None:
    assert status(("host", host)) is None
    assert status(("host", host), ("origin", f"http://{host}"), kind="websocket") is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0:13000",
        "",
        "[::1",
        "[::1]evil.example",
    ],
)
def test_others_are_not_unless_they_are_set(host: str) -> None:
    assert status(("host", host)) == 421
    assert status(("host", "desk:13000"), names=("Desk",)) is None
    assert status(("host", HOST), ("host", "evil.example")) == 421


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1:9", "http://[::1", "file://", f"ftp://{HOST}"]
)
def test_a_foreign_origin_is_refused_on_every_way(origin: str) -> None:
    foreign = ("origin", origin)
    assert status(foreign, kind="websocket") == status(foreign) == status(foreign, JSON, method="POST") == 403
    assert status(("origin", f"http://{HOST}"), ("origin", origin), JSON, method="POST") == 403


def test_a_standard_port_may_be_left_out() -> None:
    assert host_headers.is_same_origin("https://desk", "desk:443") and host_headers.is_same_origin(
        "http://desk:80", "desk"
    )
    assert not host_headers.is_same_origin("http://desk:8080", "desk") and not host_headers.is_same_origin(
        "http://desk:x", "desk:x"
    )


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "anything"])
def test_another_site_may_link_and_nothing_else(site: str) -> None:
    told = ("sec-fetch-site", site)
    link = (told, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"))
    frame = (told, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"))
    assert status(*link, path="/runs/1") is None
    assert status(*link, path="/graphql") == 403
    assert status(*link, JSON, path="/runs/1", method="POST") == 403
    assert status(*frame) == status(told) == status(told, kind="websocket") == 403


def test_only_json_is_posted_and_only_once_said() -> None:
    for text in ("application/json", "Application/JSON; charset=utf-8"):
        assert status(("content-type", text), method="POST") is None
    for text in ("text/plain", "text/plain; application/json", "multipart/form-data; boundary=application/json", ""):
        assert status(("content-type", text), method="POST") == 403
    assert status(method="POST") == status(JSON, ("content-type", "text/plain"), method="POST") == 403
    assert {status(JSON, method=method) for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get")} == {403}


@given(st.lists(st.tuples(st.sampled_from(["host", "origin", "sec-fetch-site", "content-type"]), st.text(max_size=30))))
def test_whatever_the_headers_hold_there_is_an_answer(headers: list[tuple[str, str]]) -> None:
    plain = [(name, text.encode("utf-8", "replace").decode("latin-1")) for name, text in headers]
    assert status(*plain, method="POST") in (None, 403, 421)
    assert status(*plain, kind="websocket") in (None, 403, 421)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("{version}", True),
        ("query Q {version} query R {version}", True),
        ("fragment F on Query {version} {...F}", True),
        ("not GraphQL", True),
        ("mutation {reloadWorkspace {__typename}}", False),
        ("query Q {version} mutation M {reloadWorkspace {__typename}}", False),
        ("subscription {x}", False),
        ("#query\nmutation{x}", False),
    ],
)
def test_what_a_get_may_execute(text: str, allowed: bool) -> None:
    assert has_only_queries(text) is allowed


def test_every_answer_forbids_frames_and_a_refused_one_is_not_passed_on() -> None:
    asked: list[str] = []

    async def app(scope: AsgiScope, _receive: AsgiReceive, send: AsgiSend) -> None:
        asked.append(scope["type"])
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})

    def sent(one: AsgiScope) -> list[MutableMapping[str, Any]]:
        out: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            out.append(message)

        async def receive() -> MutableMapping[str, Any]:
            raise AssertionError

        asyncio.run(DagsterAccessCheck(app, ())(one, receive, send))
        return out

    assert sent({"type": "lifespan"}) == []
    assert sent(scope())[0]["headers"] == [(b"x", b"y"), *SECURITY_HEADERS]
    refused = sent(scope(("host", "evil.example")))
    assert refused[0]["status"] == 421 and set(SECURITY_HEADERS) <= set(refused[0]["headers"])
    assert b"WHALE_DAGSTER_HOSTS" in refused[1]["body"]
    closed = sent(scope(("origin", "null"), kind="websocket"))
    assert [one["type"] for one in closed] == ["websocket.close"]
    assert asked == ["lifespan", "http"]

"""The dashboard's files as they are served: asked as a server hands requests on, paths already decoded."""

import gzip
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import anyio
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Message

from whale_platform.api.endpoints import static_files
from whale_platform.toolchain import web_assets
from whale_platform_tests.support.embedded_servers import browser_files

__all__ = ["browser_files"]

PNG = bytes(range(256)) * 8
OWN = {
    "index.html": b"<!doctype html><title>Whales</title>" + b"<p>whale</p>" * 200,
    "main.js": b"export const whale = 1;\n" * 100,
    "lib/dom.js": b"export const byId = 1;",
    "tape/tape.css": b"body{color:red}" * 100,
    "sw.js": b"self.addEventListener('fetch', () => {});",
    "manifest.webmanifest": b'{"name":"Whales"}',
    "icons/icon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "icons/favicon.png": PNG,
}
NOT_SERVED = dict.fromkeys(
    ("notes.md", "server.py", ".env", "main.js~", "jsconfig.json", "data/messages.d.ts"), b"SECRET"
)


@pytest.fixture
def dashboard(tmp_path: Path) -> Path:
    folder = tmp_path / "dashboard"
    for name, body in {**OWN, **NOT_SERVED, "../secret.js": b"SECRET"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """With stand-ins for what npm installs."""
    for name in (*static_files.VENDOR.values(), "uplot/package.js"):
        file = web_assets.node_modules_path(tmp_path) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"vendor " * 200)
    return tmp_path


@pytest.fixture
def client(dashboard: Path, tools: Path) -> TestClient:
    return client_of(dashboard, tools)


def client_of(dashboard: Path, tools: Path) -> TestClient:
    app = FastAPI(redirect_slashes=False)
    app.include_router(static_files.build_router(tools, dashboard))
    assert app.openapi()["paths"] == {}
    return TestClient(app)


@pytest.mark.parametrize(
    ("path", "media", "name"),
    [
        ("/", "text/html; charset=utf-8", "index.html"),
        ("/sw.js", "text/javascript; charset=utf-8", "sw.js"),
        ("/manifest.webmanifest", "application/manifest+json", "manifest.webmanifest"),
        ("/favicon.ico", "image/png", "icons/favicon.png"),
        ("/dashboard/main.js", "text/javascript; charset=utf-8", "main.js"),
        ("/dashboard/lib/dom.js", "text/javascript; charset=utf-8", "lib/dom.js"),
        ("/dashboard/tape/tape.css", "text/css; charset=utf-8", "tape/tape.css"),
        ("/dashboard/icons/icon.svg", "image/svg+xml", "icons/icon.svg"),
        ("/dashboard/icons/favicon.png", "image/png", "icons/favicon.png"),
    ],
)
def test_every_file_has_its_address_media_type_and_policy(client: TestClient, path: str, media: str, name: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, OWN[name])
    assert answer.headers["content-type"] == media
    assert answer.headers["content-security-policy"] == static_files.CSP
    assert answer.headers["cache-control"] == "no-cache"
    assert static_files.is_dashboard_path(path)


def test_the_policy_lets_nothing_in_from_elsewhere_and_nothing_inline() -> None:
    rules = dict(rule.split(" ", 1) for rule in static_files.CSP.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules.pop("img-src") == "'self' data:"
    assert set(rules.values()) == {"'self'", "'none'"}


@pytest.mark.parametrize("path", static_files.VENDOR)
def test_files_from_others(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200 and answer.content.startswith(b"vendor")
    assert answer.headers["content-type"].startswith("text/css" if path.endswith("css") else "text/javascript")
    assert static_files.is_dashboard_path(path)


ESCAPES = [
    "/dashboard/../secret.js",
    "/dashboard/%2e%2e/secret.js",
    "/dashboard/..%2fsecret.js",
    "/dashboard/%2e%2e%2fsecret.js",
    "/dashboard/icons/../../secret.js",
    "/dashboard/..%5csecret.js",
    "/dashboard/%252e%252e/secret.js",
    "/dashboard/icons%252Ficon.svg",
    "/dashboard//secret.js",
    "/dashboard/{outside}",
    "/dashboard/%2F{outside}",
    "/dashboard/main.js%00.png",
    "/dashboard/main.js/",
    "/dashboard/MAIN.JS",
    "/dashboard/",
    "/dashboard",
    "/dashboard/server.py",
    "/dashboard/notes.md",
    "/dashboard/.env",
    "/dashboard/main.js~",
    "/dashboard/jsconfig.json",
    "/dashboard/data/messages.d.ts",
    "/vendor/",
    "/vendor/uplot/package.js",
    "/vendor/../vendor/uplot.js",
    "/vendor/%2e%2e/web/node_modules/uplot/package.js",
    "//",
    "/index.html",
]


@pytest.mark.parametrize("target", ESCAPES)
def test_nothing_but_the_table_can_be_asked_for(dashboard: Path, client: TestClient, target: str) -> None:
    target = target.format(outside=dashboard.parent / "secret.js")
    assert status(client, unquote(target)) == 404


def status(client: TestClient, path: str) -> int:
    """Of a path as the server hands it on; a client would tidy it up first."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    anyio.run(client.app, scope, receive, send)
    assert not any(b"SECRET" in message.get("body", b"") for message in sent)
    return int(sent[0]["status"])


def test_what_is_known_is_not_sent_again_and_an_edit_is(client: TestClient, dashboard: Path) -> None:
    first = client.get("/dashboard/main.js")
    again = client.get("/dashboard/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == static_files.CSP, "browsers keep a 304's headers"
    assert again.headers["etag"] == first.headers["etag"]
    (dashboard / "main.js").write_bytes(b"export const whale = 2;")
    edited = client.get("/dashboard/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (edited.status_code, edited.content) == (200, b"export const whale = 2;")
    assert edited.headers["etag"] != first.headers["etag"]
    (dashboard / "main.js").unlink()
    assert client.get("/dashboard/main.js").status_code == 404


def test_text_is_compressed_once_for_who_takes_it(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = client.get("/dashboard/main.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.headers["vary"] == "Accept-Encoding"
    monkeypatch.setattr(gzip, "compress", lambda *_, **__: pytest.fail("compressed again"))
    for _ in range(2):
        packed = client.get("/dashboard/main.js", headers={"Accept-Encoding": "br, gzip"})
        assert packed.headers["content-encoding"] == "gzip" and packed.content == plain.content
        assert int(packed.headers["content-length"]) < len(plain.content) / 10
        assert packed.headers["etag"] == plain.headers["etag"]


def test_a_picture_is_not_compressed(client: TestClient, dashboard: Path) -> None:
    (dashboard / "icons" / "favicon.png").write_bytes(os.urandom(2_000))
    answer = client.get("/favicon.ico", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers and answer.headers["content-length"] == "2000"


def test_head_is_answered_and_other_methods_are_not(client: TestClient) -> None:
    head = client.head("/")
    assert head.status_code == 200 and head.headers["etag"] == client.get("/").headers["etag"]
    assert client.post("/").status_code == 405


def test_without_the_files_from_others_the_page_says_what_to_run(dashboard: Path, tools: Path) -> None:
    shutil.rmtree(web_assets.node_modules_path(tools))
    client = client_of(dashboard, tools)
    page = client.get("/")
    assert page.status_code == 503 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert "run <code>./whale</code>" in page.text and page.headers["content-security-policy"] == static_files.CSP
    for path in static_files.VENDOR:
        answer = client.get(path)
        assert answer.status_code == 503 and answer.headers["content-type"] == "application/problem+json"
        assert "run `./whale`" in answer.json()["detail"]
    assert client.get("/dashboard/main.js").status_code == 200
    for name in static_files.VENDOR.values():
        (web_assets.node_modules_path(tools) / name).parent.mkdir(parents=True, exist_ok=True)
        (web_assets.node_modules_path(tools) / name).write_bytes(b"vendor")
    assert client.get("/").status_code == 200, "without a restart"


def test_only_the_dashboard_s_own_addresses_need_no_key() -> None:
    for path in (
        "/latest",
        "/windows",
        "/metrics",
        "/stream",
        "/dashboardx",
        "/vendored",
        "/sw.js/",
        "",
        "//",
        "/index.html",
    ):
        assert not static_files.is_dashboard_path(path)


def test_every_address_that_the_page_names_is_served(tools: Path) -> None:
    client = client_of(static_files.DASHBOARD, tools)
    named = re.findall(r'(?:src|href)="(/[^"]+)"', client.get("/").text)
    assert {"/dashboard/main.js", "/vendor/uplot.css", "/manifest.webmanifest"} <= set(named)
    assert [path for path in named if client.get(path).status_code != 200] == []


@pytest.mark.server
def test_the_installed_packages_hold_what_is_served(browser_files: Path, dashboard: Path) -> None:
    client = client_of(dashboard, browser_files)
    charts = client.get("/vendor/lightweight-charts.js", headers={"Accept-Encoding": "gzip"})
    assert b"createChart" in charts.content and int(charts.headers["content-length"]) < 80_000
    assert b"export" in client.get("/vendor/uplot.js").content
    assert b".uplot" in client.get("/vendor/uplot.css").content

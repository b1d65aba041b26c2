"""What pages of other sites, and programs that pretend to be such pages, can do to the real webserver: nothing.

Each attack would launch `lake_vacuum` with a number of hours that nobody else asks for, or report an asset that nobody
has; both are then looked for in Dagster's storage.
"""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_connection
from string import Template
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from whale_platform.bench.harness.platform import Platform
from whale_platform_tests.e2e.running.conftest import settings_of
from whale_platform_tests.e2e.running.dagster.webserver import launch
from whale_platform_tests.support.postgres_server import query

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
HOURS = 4_711
OWN_HOURS = HOURS + 1  # of a launch that passes, to show that one would be found


def build_config(hours: int) -> dict[str, Any]:
    return {"ops": {"vacuum_lake": {"config": {"dry_run": True, "hours": hours}}}}


CONFIG = json.dumps(build_config(HOURS))
LAUNCH = (
    "mutation M {launchRun(executionParams: {selector: {repositoryLocationName: "
    '"whale_platform", repositoryName: "__repository__", jobName: "lake_vacuum"}, runConfigData: '
    + json.dumps(CONFIG)
    + "}) {__typename}}"
)
BODY = json.dumps({"query": LAUNCH})
BY_GET = "/graphql?" + urlencode({"query": LAUNCH})
REPORT = "/report_asset_materialization/invented_by_a_page"
JSON = {"Content-Type": "application/json"}
EVIL = "https://evil.example"


class Attack(NamedTuple):
    """One request; `status` is what it has to be answered with."""

    name: str
    status: int
    method: str
    path: str
    headers: dict[str, str]
    body: str | None = None


def attacks(port: int) -> list[Attack]:
    here, everything = f"http://127.0.0.1:{port}", {"Accept": "image/avif,*/*"}
    cross = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    linked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    plain, form = {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}
    several = {"query": f"query Q {{version}} {LAUNCH}", "operationName": "M"}
    rebound = {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}", "Sec-Fetch-Site": "same-origin"}
    return [
        Attack("as found", 421, "GET", BY_GET, {"Host": "evil.example", "Origin": EVIL} | cross | everything),
        Attack("an image of another site", 403, "GET", BY_GET, cross | everything),
        Attack("an image, in a browser that says nothing of its sites", 403, "GET", BY_GET, everything),
        Attack("a link to a mutation", 403, "GET", BY_GET, linked | everything),
        Attack("a mutation beside a query", 403, "GET", "/graphql?" + urlencode(several), everything),
        Attack("a second query", 403, "GET", f"/graphql?query={{version}}&{BY_GET.partition('?')[2]}", everything),
        Attack("another origin", 403, "POST", "/graphql", {"Origin": EVIL} | JSON, BODY),
        Attack("a sandboxed frame", 403, "POST", "/graphql", {"Origin": "null"} | JSON, BODY),
        Attack("another port of this machine", 403, "POST", "/graphql", {"Origin": "http://127.0.0.1:9"} | JSON, BODY),
        Attack("another port, told by its site", 403, "POST", "/graphql", {"Sec-Fetch-Site": "same-site"} | JSON, BODY),
        Attack("a form", 403, "POST", "/graphql", plain, BODY),
        Attack(
            "a form that mentions JSON", 403, "POST", "/graphql", {"Content-Type": "text/plain; application/json"}, BODY
        ),
        Attack("a form whose query is in the address", 403, "POST", BY_GET, form, "a=b"),
        Attack("a form with files", 403, "POST", BY_GET, {"Content-Type": "multipart/form-data; boundary=x"}, "--x--"),
        Attack("a beacon without a type", 403, "POST", BY_GET, {}, ""),
        Attack("a form that navigates", 403, "POST", "/graphql", linked | {"Origin": here} | JSON, BODY),
        Attack("a rebound name", 421, "POST", "/graphql", rebound | JSON, BODY),
        Attack("a rebound name reads", 421, "GET", "/graphql?query={version}", rebound),
        Attack("a rebound name reads the page", 421, "GET", "/", rebound | linked),
        Attack("a name that begins like ours", 421, "GET", "/", {"Host": "localhost.evil.example"}),
        Attack("a question before", 403, "OPTIONS", "/graphql", {"Access-Control-Request-Method": "POST"}),
        Attack("an invented materialisation", 403, "POST", REPORT, {"Origin": EVIL} | JSON, "{}"),
        Attack("an invented materialisation by a form", 403, "POST", f"{REPORT}?description=x", plain, "{}"),
        Attack("an invented materialisation by a beacon", 403, "POST", f"{REPORT}?description=x", {}, ""),
        Attack("an invented check", 403, "POST", REPORT.replace("materialization", "check"), cross | JSON, "{}"),
        Attack("another method", 403, "PUT", REPORT, JSON, "{}"),
    ]


def send(url: str, attack: Attack) -> tuple[int, str]:
    """Status and text of the answer."""
    asking = http.client.HTTPConnection(urlsplit(url).netloc, timeout=300)
    try:
        asking.request(attack.method, attack.path, attack.body, attack.headers)
        answer = asking.getresponse()
        return answer.status, answer.read().decode()
    finally:
        asking.close()


def came_through(platform: Platform, hours: int = HOURS) -> list[str]:
    """What of the attacks stands in the storage, or of a launch with so many hours."""
    dsn = settings_of(platform).dagster_dsn_text()
    # The number by itself stands in many a storage, as a part of some id.
    runs = query(dsn, "SELECT run_id FROM runs WHERE run_body ~ %s", f"hours[^0-9]{{1,6}}{hours}[^0-9]")
    events = query(dsn, "SELECT event FROM event_logs WHERE event LIKE %s", "%invented_by_a_page%")
    return [str(row[0]) for row in (*runs, *events)]


def test_no_request_of_another_site_comes_through(platform: Platform, url: str) -> None:
    port = urlsplit(url).port
    assert port is not None
    for attack in attacks(port):
        status, text = send(url, attack)
        assert status == attack.status, f"{attack.name}: {status} {text}"
        assert text.strip(), attack.name
    assert came_through(platform) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_no_socket_of_another_site_is_opened(url: str, headers: dict[str, str]) -> None:
    socket = f"ws{url.removeprefix('http')}/graphql"
    given = {name: value for name, value in headers.items() if name != "Host"}
    host, _, port = urlsplit(socket).netloc.partition(":")
    address = socket.replace(host, headers.get("Host", host), 1)
    with create_connection((host, int(port))) as sock, pytest.raises(InvalidStatus) as refused:
        connect(address, sock=sock, additional_headers=given, subprotocols=[Subprotocol("graphql-ws")])
    assert refused.value.response.status_code == 403


def test_what_the_ui_and_programs_do_passes(platform: Platform, url: str) -> None:
    own = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
    linked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    version = json.dumps({"query": "{version}"})
    for attack in (
        Attack(
            "the UI asks", 200, "POST", "/graphql", own | {"Content-Type": "application/json; charset=utf-8"}, version
        ),
        Attack("a program asks", 200, "POST", "/graphql", JSON, version),
        Attack("a program queries by GET", 200, "GET", "/graphql?query={version}", {}),
        Attack("a link leads here", 200, "GET", "/assets/whale_reports", linked),
    ):
        status, text = send(url, attack)
        assert status == attack.status, f"{attack.name}: {status} {text}"
    socket = f"ws{url.removeprefix('http')}/graphql"
    with connect(socket, origin=Origin(url), subprotocols=[Subprotocol("graphql-ws")], proxy=None) as opened:
        opened.send('{"type": "connection_init"}')
        assert json.loads(opened.recv(60)) == {"type": "connection_ack"}
    launched = launch(url, "lake_vacuum", build_config(OWN_HOURS))
    assert came_through(platform, OWN_HOURS) == [launched]


PAGE = Template("""<body>
<form id=form method=post enctype=text/plain target=frame action="$url$report"><input name=x value=y></form>
<iframe name=frame></iframe><iframe src="$url/"></iframe><pre id=told></pre><script>
const waits = [
  new Promise(done => { const one = new Image(); one.onload = one.onerror = () => done(); one.src = "$url$by_get" }),
  fetch("$url/graphql", {method: "POST", mode: "no-cors", body: $body}).catch(() => 0),
  fetch("$url/graphql", {method: "POST", headers: {"Content-Type": "application/json"}, body: $body}).catch(() => 0),
  new Promise(done => {
    const one = new WebSocket("$url/graphql", "graphql-ws")
    one.onopen = () => done("socket opened"); one.onerror = () => done()
  }),
]
document.getElementById("form").submit()
Promise.all(waits).then(said => { told.textContent = "done " + said.filter(one => one === "socket opened") })
</script>""")


@contextmanager
def page_elsewhere(url: str) -> Iterator[str]:
    """A page on another port of this machine that does what it can; no browser keeps such a page from loopback."""
    text = PAGE.substitute(url=url, report=f"{REPORT}?description=x", by_get=BY_GET, body=json.dumps(BODY))

    class Serves(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Serves)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_a_page_in_a_real_browser_comes_through_with_nothing(platform: Platform, browser: Browser, url: str) -> None:
    with page_elsewhere(url) as elsewhere, browser.new_page() as page:
        answers: list[tuple[str, int]] = []
        page.on("response", lambda answer: answers.append((urlsplit(answer.url).path, answer.status)))
        page.goto(elsewhere)
        expect(page.locator("#told")).to_have_text("done ", timeout=300_000)
        page.wait_for_load_state("networkidle")
    assert {(REPORT, 403), ("/", 403)} <= set(answers), "the form and the frame"
    assert came_through(platform) == []

"""Keys, rate, CORS, headers."""

import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from whale_platform.api.errors import KeyFileError
from whale_platform.api.http.origins import is_origin_allowed
from whale_platform.api.server import api_keys
from whale_platform.api.server.rate_limit import MAX_CLIENTS, RequestRateLimiter
from whale_platform.host_headers import is_loopback, strip_port
from whale_platform_tests.api.conftest import Make, client_of


def test_without_a_key_this_machine_may_ask_and_with_one_only_who_has_it(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "RECHECK_S", 0.0)
    client = client_of(make())
    assert client.get("/latest").status_code == 200
    key = api_keys.add_key(tmp_path, "grafana")
    refused = client.get("/whales")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.json()["detail"].startswith("a key is needed")
    assert client.get("/latest").status_code == 401 and client.get("/nothing").status_code == 401
    assert client.get("/latest", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert client.get("/whales", headers={"X-API-Key": key}).status_code == 200
    assert client.get("/whales", headers={"X-API-Key": key[:-1]}).status_code == 401
    assert client.get("/whales", headers={"Authorization": f"Basic {key}"}).status_code == 401
    api_keys.remove_key(tmp_path, "grafana")
    assert client.get("/whales", headers={"X-API-Key": key}).status_code == 200, "no key: open again"
    (tmp_path / api_keys.KEY_FILE).write_text("{")
    assert client.get("/whales").status_code == 401, "a broken file lets nobody in"


def test_beyond_this_machine_the_last_key_s_removal_opens_nothing(make: Make) -> None:
    assert client_of(make(open_without_keys=False)).get("/latest").status_code == 401


def test_a_key_is_kept_as_its_hash_and_for_its_owner_alone(tmp_path: Path) -> None:
    key = api_keys.add_key(tmp_path, "one")
    file = tmp_path / api_keys.KEY_FILE
    assert key not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in api_keys.read_keys(tmp_path)] == ["one"] and len(key) > 43
    for name, why in (("one", "already"), ("a b", "can't be a key's name"), ("", "can't be")):
        with pytest.raises(KeyFileError, match=why):
            api_keys.add_key(tmp_path, name)
    with pytest.raises(KeyFileError, match="no key"):
        api_keys.remove_key(tmp_path, "two")


def test_keys_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    names = [f"desk-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(partial(api_keys.add_key, tmp_path), names))
        assert {one.name for one in api_keys.read_keys(tmp_path)} == set(names)
        list(threads.map(partial(api_keys.remove_key, tmp_path), names[1:]))
    assert [one.sha256 for one in api_keys.read_keys(tmp_path)] == [api_keys.hash_key(made[0])]


def test_a_key_that_goes_while_the_file_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, read = api_keys.add_key(tmp_path, "one"), api_keys.read_keys

    def slowly(home: Path) -> list[api_keys.ApiKey]:
        found = read(home)
        monkeypatch.setattr(api_keys, "read_keys", read)
        api_keys.remove_key(home, "one")
        return found

    monkeypatch.setattr(api_keys, "read_keys", slowly)
    monkeypatch.setattr(api_keys, "RECHECK_S", 0.0)
    known = api_keys.ApiKeyRegistry(tmp_path)
    assert known.name_of(key) is None


def test_who_asks_too_often_is_told_when_to_come_back(make: Make) -> None:
    client = client_of(make(api_rate=2))
    answers = [client.get("/latest") for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1" and answers[-1].json()["status"] == 429


def test_a_bucket_fills_again_and_memory_is_bounded() -> None:
    now = 0.0
    limiter = RequestRateLimiter(0.5, lambda: now)
    assert limiter.try_acquire_s("a") == 0 and limiter.try_acquire_s("a") == 2
    assert limiter.try_acquire_s("b") == 0
    now = 2.0
    assert limiter.try_acquire_s("a") == 0
    for number in range(MAX_CLIENTS + 10):
        limiter.try_acquire_s(str(number))
    assert len(limiter._buckets) == MAX_CLIENTS


def test_only_named_origins_may_read(make: Make) -> None:
    asked = {"Origin": "https://desk.example"}
    assert "access-control-allow-origin" not in client_of(make()).get("/latest", headers=asked).headers
    client = client_of(make(api_cors="https://desk.example/, https://other.example"))
    answer = client.get("/latest", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://desk.example"
    assert "access-control-allow-origin" not in client.get("/latest", headers={"Origin": "https://bad.example"}).headers
    flight = client.options("/whales", headers={**asked, "Access-Control-Request-Method": "GET"})
    assert flight.status_code == 200


@pytest.mark.parametrize("path", ["/latest", "/windows", "/nothing"])
def test_every_answer_has_the_security_headers(make: Make, path: str) -> None:
    headers = client_of(make()).get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")


def test_a_foreign_name_for_this_machine_is_refused_while_there_is_no_key(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "RECHECK_S", 0.0)
    parts = make()
    parts.local_only = True
    client = client_of(parts)
    assert client.get("/latest").status_code == 421
    assert client.get("/latest", headers={"Host": "localhost:18000"}).status_code == 200
    assert client.get("/latest", headers={"X-API-Key": api_keys.add_key(tmp_path, "desk")}).status_code == 200


def test_beyond_this_machine_the_names_it_may_be_asked_by_can_be_given(make: Make) -> None:
    def status(host: str, hosts: str) -> int:
        return int(client_of(make(api_hosts=hosts)).get("/latest", headers={"Host": host}).status_code)

    assert status("whales.example", "") == 200
    assert [status(host, "api, desk") for host in ("api:18000", "desk", "LOCALHOST:18000")] == [200] * 3
    assert status("whales.example", "api, desk") == 421


def test_what_is_this_machine() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", ""))
    assert [strip_port(text) for text in ("[::1]:80", "LOCALHOST:80", "127.0.0.1")] == ["::1", "localhost", "127.0.0.1"]


@pytest.mark.parametrize("text", ["", "[::1", "[::1]evil.example", "[::1]:80.evil.example", "localhost:80:80", "a@b"])
def test_what_is_no_name_and_port_is_nobody(text: str) -> None:
    assert strip_port(text) == "" and not is_loopback(strip_port(text))


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_socket_is_for_the_pages_of_this_host_by_http_alone(origin: str, host: str) -> None:
    headers = Headers(raw=[(b"origin", origin.encode()), (b"host", host.encode())])
    assert not is_origin_allowed(headers, frozenset())


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1:18000", True), ("https://127.0.0.1:18000", True), ("http://[::1", False), ("null", False),
        ("http://127.0.0.1:18001", False), ("chrome-extension://127.0.0.1:18000", False), ("", False),
        ("http://127.0.0.1:18000/", False), ("http://evil.example@127.0.0.1:18000", False), ("https://desk", True),
    ],
)  # fmt: skip
def test_origins(origin: str, allowed: bool) -> None:
    headers = Headers({"origin": origin, "host": "127.0.0.1:18000"})
    assert is_origin_allowed(headers, frozenset(["https://desk"])) == allowed

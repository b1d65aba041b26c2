"""What `whale doctor` asks an exchange."""

import urllib.request
from pathlib import Path
from typing import NoReturn

import pytest

from whale_platform.cli.lifecycle import exchange_probe
from whale_platform.exchanges import registry
from whale_platform.ingest.transport import rest_client
from whale_platform.settings import Settings


@pytest.mark.parametrize("name", registry.EXCHANGES)
def test_each_exchange_is_asked_with_the_headers_that_the_ingester_sends(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[urllib.request.Request] = []

    def refuse(request: urllib.request.Request, **_: object) -> NoReturn:
        asked.append(request)
        raise OSError("not today")

    monkeypatch.setenv("WHALE_EXCHANGES", name)
    monkeypatch.setenv(f"WHALE_{name.upper()}_WS_URL", "ws://127.0.0.1:9")
    monkeypatch.setattr(rest_client.OPENER, "open", refuse)
    settings = Settings(_env_file=None, home=tmp_path)  # type: ignore[call-arg]
    (found,) = exchange_probe.probe_exchanges(settings)
    if registry.SPECS[name].adapter().check_url("BTC") is None:
        assert (found.history, found.history_detail, asked) == (True, "shows none", [])
        return
    assert (found.history, found.history_detail) == (False, "not today")
    wanted = {"User-Agent": rest_client.USER_AGENT, **dict(registry.SPECS[name].adapter().request_headers)}
    assert {key.lower(): value for key, value in asked[0].header_items()} == {
        key.lower(): value for key, value in wanted.items()
    }

"""What the feeder says of a Postgres that it can't listen to."""

import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from whale_platform.api.latest_cache import updater
from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.stores.errors import NotifyUnavailableError, StoreUnavailableError


class Away:
    def __getattr__(self, name: str) -> Any:
        raise StoreUnavailableError("nobody answers")


def test_that_it_asks_again_and_again_is_logged_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(*_: str) -> None:
        raise NotifyUnavailableError("a pooler")

    monkeypatch.setattr(updater, "ChangeListener", deaf)
    stop = threading.Event()
    pool: Any = Away()
    with capture_logs() as said:
        updater.CacheUpdater(LatestCache(), pool, lambda: "", lambda _: stop.set()).run(stop)
    assert [(line["log_level"], line["reason"]) for line in said] == [("warning", "a pooler")]

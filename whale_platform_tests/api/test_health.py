"""How old an answer of /health may be; what is in it: test_service.py."""

from typing import Any, cast

import pytest

from whale_platform.api.health import KEPT_S, Health
from whale_platform.settings import Settings


def test_an_answer_is_kept_for_a_second_also_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10_000.0
    monkeypatch.setattr(Health, "_check", lambda _, asked: {"at": asked})
    nothing = cast("Any", None)
    health = Health(Settings(), nothing, nothing, lambda: now)
    assert health.check() == {"at": 10_000.0}
    now += KEPT_S
    assert health.check() == {"at": 10_000.0}
    now += KEPT_S
    assert health.check() == {"at": now}
    now -= 3600
    assert health.check() == {"at": now}

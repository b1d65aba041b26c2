"""How old an answer of /health may be; what is in it: test_service.py."""

from typing import Any, cast

import pytest

from whale_platform.api.monitoring.health import CACHE_S, HealthMonitor
from whale_platform.broker import topics
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import Settings


def test_an_answer_is_kept_for_a_second_also_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10_000.0
    monkeypatch.setattr(HealthMonitor, "_check", lambda _, asked: {"at": asked})
    nothing = cast("Any", None)
    health = HealthMonitor(Settings(), nothing, nothing, lambda: now)
    assert health.check() == {"at": 10_000.0}
    now += CACHE_S
    assert health.check() == {"at": 10_000.0}
    now += CACHE_S
    assert health.check() == {"at": now}
    now -= 3600
    assert health.check() == {"at": now}


def test_kafka_is_asked_by_one_client_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made, admin = list[topics.KafkaAdmin](), topics.create_admin

    def counted(bootstrap: KafkaCluster) -> topics.KafkaAdmin:
        made.append(admin(bootstrap))
        return made[-1]

    monkeypatch.setattr(topics, "create_admin", counted)
    monkeypatch.setattr("whale_platform.api.monitoring.health.KAFKA_S", 0.05)
    nothing = cast("Any", None)
    health = HealthMonitor(Settings(kafka_bootstrap="127.0.0.1:1"), nothing, nothing)
    assert [health._check_kafka()["state"] for _ in range(3)] == ["unavailable"] * 3 and len(made) == 1

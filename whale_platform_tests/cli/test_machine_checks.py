"""What `doctor` says of the disk: computed from rate and retention, not a number that fits nobody."""

from pathlib import Path

import pytest

from whale_platform.cli.lifecycle import machine_checks
from whale_platform.files import disk_usage
from whale_platform.files.disk_usage import DiskSpace
from whale_platform.settings import Settings


@pytest.mark.parametrize(
    ("free_gb", "total_gb", "rate", "more", "level", "says"),
    [
        (60, 100, 50, {}, "ok", "50 trades/s come to take 8.2 GB: 5.4 in Kafka, 1.6 in 30 days of the lake"),
        (6, 20, 50, {}, "warn", "Kafka keeps the last 3.9 days"),
        (9, 100, 1, {}, "warn", "free some"),
        (60, 100, 1000, {}, "warn", "free some"),
        (60, 100, 1000, {"lake_retention_days": 3}, "warn", "Kafka keeps the last 1.9 days of trades instead of 7"),
        (60, 100, 1000, {"kafka_bytes": "2GB", "lake_retention_days": 3}, "warn", "Kafka keeps the last 0.1 days"),
        (60, 100, 50, {"kafka_bootstrap": "broker:9092"}, "ok", "0.0 in Kafka"),
    ],
)
def test_the_need_is_computed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    free_gb: int,
    total_gb: int,
    rate: float,
    more: dict[str, object],
    level: str,
    says: str,
) -> None:
    monkeypatch.setattr(disk_usage, "read_disk_space", lambda path: DiskSpace(path, free_gb * 10**9, total_gb * 10**9))
    found = machine_checks.check_disk_need(Settings.model_validate({"home": tmp_path, **more}), rate)
    assert found.level == level
    assert says in f"{found.observed} {found.fix}"

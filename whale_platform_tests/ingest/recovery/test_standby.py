"""Who was fenced waits for silence, longer each time; who was not, and who has the share back, waits for nothing."""

from pathlib import Path

import pytest

from whale_platform.ingest.recovery.standby import CAP_S, DAY_S, Standby


def test_the_wait_grows_each_time_and_is_over_once_the_share_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    assert Standby(tmp_path).wait_s == 0
    waits = []
    for _ in range(12):
        now += 60
        Standby(tmp_path).record_fence()
        waits.append(Standby(tmp_path).wait_s)
        Standby(tmp_path).record_claim()
        assert Standby(tmp_path).wait_s == 0, "a kill afterwards is no reason to wait"
    assert waits[:4] == [5, 10, 20, 40] and waits[-1] == CAP_S
    now += DAY_S
    Standby(tmp_path).record_fence()
    assert Standby(tmp_path).wait_s == 5


def test_a_torn_file_is_none(tmp_path: Path) -> None:
    Standby(tmp_path).record_fence()
    (tmp_path / "ingest" / "fenced.json").write_text('{"at": [1')
    assert Standby(tmp_path).wait_s == 0

"""What the soak reads of the stream's log."""

from pathlib import Path

from whale_platform.bench.streaming.soak import count_modes


def test_changes_of_mode_are_counted_over_all_of_the_logs_files(tmp_path: Path) -> None:
    line = 'level=warning service=stream event="the windows\' query changes its mode" mode={} behind=1 behind_s=2.0\n'
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "stream.log").write_text(line.format("realtime") + "level=info event=other mode=realtime\n")
    (tmp_path / "logs" / "stream.log.1").write_text(line.format("microbatch") + line.format("realtime"))
    assert count_modes(tmp_path) == {"realtime": 2, "microbatch": 1}

"""A benchmark that is ended leaves nothing behind."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = """
import sys, time
from pathlib import Path
from whale_platform.bench.scratch_platform import open_scratch_platform
with open_scratch_platform(Path(sys.argv[1])) as platform:
    try:
        print(platform.base, flush=True)
        time.sleep(600)
    finally:
        print("down", flush=True)
"""


@pytest.mark.process
def test_one_that_is_ended_by_sigterm_stops_its_platform_and_deletes_its_folder(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", BENCH, tmp_path], stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        folder = Path(bench.stdout.readline().strip())
        assert folder.is_dir()
        bench.send_signal(signal.SIGTERM)
        assert bench.stdout.read() == "down\n"
        assert bench.wait(300) == 128 + signal.SIGTERM
    assert not folder.exists()

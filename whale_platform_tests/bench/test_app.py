"""A benchmark that is ended leaves nothing behind, and each one is on the page of benchmarks."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from whale_platform.bench.app import app
from whale_platform.settings import ROOT

BENCH = """
import sys, time
from pathlib import Path
from whale_platform.bench import scratch_platform
with getattr(scratch_platform, sys.argv[2])(Path(sys.argv[1])) as made:
    try:
        print(getattr(made, "base", made), flush=True)
        time.sleep(600)
    finally:
        print("down", flush=True)
"""


@pytest.mark.process
@pytest.mark.parametrize("scratch", ["open_scratch_platform", "open_scratch_folder"])
def test_one_that_is_ended_by_sigterm_stops_what_it_runs_and_deletes_its_folder(tmp_path: Path, scratch: str) -> None:
    with subprocess.Popen([sys.executable, "-c", BENCH, tmp_path, scratch], stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        folder = Path(bench.stdout.readline().strip())
        assert folder.is_dir()
        bench.send_signal(signal.SIGTERM)
        assert bench.stdout.read() == "down\n"
        assert bench.wait(300) == 128 + signal.SIGTERM
    assert not folder.exists()


def test_the_page_s_table_has_each_case_once_and_no_other() -> None:
    page = (ROOT / "docs/benchmarks.md").read_text()
    (rows,) = re.findall(r"^\| case \|.*\n\|---.*\n((?:\|.*\n)+)", page, re.MULTILINE)
    listed = [name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    group: Any = typer.main.get_command(app)
    assert sorted(listed) == sorted(group.list_commands(typer.Context(group)))

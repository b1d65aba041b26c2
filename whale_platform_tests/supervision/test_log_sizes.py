"""Logs stay small and plain: the supervisor's own and the leases' turn over, colours are left out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from whale_platform.settings import ROOT
from whale_platform.supervision.processes import log_collector
from whale_platform.supervision.processes.log_pipes import LogPipes
from whale_platform.supervision.runtime import lease
from whale_platform.supervision.runtime.lease import Lease

SCRIPT = """
import os, sys
from pathlib import Path
from whale_platform.supervision.runtime import log_setup
for number in range(30):
    print(f"line {number:02}", file=sys.stderr, flush=True)
    log_setup.rotate_log(Path(sys.argv[1]), 100)
"""


def test_the_supervisors_log_turns_over_while_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "supervisor.log"
    with log.open("ab") as output:
        subprocess.run([sys.executable, "-c", SCRIPT, log], stderr=output, cwd=ROOT, check=True)
    older = log.with_name("supervisor.log.1").read_text().splitlines()
    lines = older + log.read_text().splitlines()
    assert lines == [f"line {number:02}" for number in range(30 - len(lines), 30)]
    assert len(older) == 13


def test_the_log_of_leases_turns_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LOG_LIMIT", 200)
    for _ in range(20):
        one = Lease(tmp_path, "sink")
        one.acquire()
        one.release()
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "run").glob("sink.lease.log*")}
    assert set(sizes) == {"sink.lease.log", "sink.lease.log.1"}
    assert max(sizes.values()) < 400


def test_colours_are_left_out_of_logs(tmp_path: Path) -> None:
    own = LogPipes(tmp_path, ["daemon"])
    said = "\x1b[32m2026-11-28 10:00:00\x1b[0m - dagster - \x1b[1;34mINFO\x1b[0m - sk\u00e6v [1] 5m\n"
    subprocess.run(["printf", "%s", said], stdout=own.write_end("daemon"), check=True)
    own.close()
    assert own.log_path("daemon").read_text() == "2026-11-28 10:00:00 - dagster - INFO - sk\u00e6v [1] 5m\n"


def test_an_older_supervisor_may_start_the_keeper(tmp_path: Path) -> None:
    """Its words are those from before there was an echo: LOGS CONTROL_FD LIMIT GRACE NAME:FD."""
    control, pipe = os.pipe(), os.pipe()
    words = [str(tmp_path), str(control[0]), "1000", "0", f"sink:{pipe[0]}"]
    os.write(pipe[1], b"said\n")
    argv = [sys.executable, "-I", "-S", log_collector.__file__, *words]
    with subprocess.Popen(argv, pass_fds=(control[0], pipe[0]), stdout=subprocess.PIPE) as process:
        for fd in (*control, *pipe):
            os.close(fd)
        assert process.communicate()[0] == b"", "and echoes nothing"
    assert process.returncode == 0 and (tmp_path / "sink.log").read_text() == "said\n"


def test_nobody_has_to_read_the_echo(tmp_path: Path) -> None:
    """The engine stops reading: the service goes on, and its log has everything."""
    control, pipe, engine = os.pipe(), os.pipe(), os.pipe()
    words = [str(tmp_path), str(control[0]), "100000000", "0", f"sink:{pipe[0]}", log_collector.ECHO_OPTION]
    argv, lines = [sys.executable, "-I", "-S", log_collector.__file__, *words], b"0123456789\n" * 100_000
    with subprocess.Popen(argv, pass_fds=(control[0], pipe[0]), stdout=engine[1]) as process:
        for fd in (control[0], pipe[0], engine[1]):
            os.close(fd)
        with os.fdopen(pipe[1], "wb") as service:
            service.write(lines)
        os.close(control[1])
        assert process.wait(300) == 0
    with os.fdopen(engine[0], "rb") as late:
        echoed = late.read()
    assert lines.startswith(echoed) and 0 < len(echoed) < len(lines)
    assert (tmp_path / "sink.log").read_bytes() == lines


def test_what_a_terminal_would_obey_is_escaped() -> None:
    script = (
        "import structlog; from whale_platform.supervision.runtime.log_setup import configure_logging\n"
        "configure_logging('INFO');"
        r"structlog.get_logger().info('closed', reason='bye \x1b]0;title\x07 \u202e')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert r"bye \x1b]0;title\x07 \u202e" in done.stderr.replace(r"\\", "\\")
    assert done.stderr.strip().isprintable()

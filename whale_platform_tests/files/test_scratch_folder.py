import os
import signal
import subprocess
import sys
from pathlib import Path

from whale_platform.files.scratch_folder import open_scratch_folder

USER = """
import sys
from pathlib import Path
from whale_platform.files.scratch_folder import open_scratch_folder
with open_scratch_folder(Path(sys.argv[1]), "job-") as folder:
    (folder / "litter").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.readline()
"""


def user(parent: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", USER, str(parent)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def place(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_what_the_dead_left_goes_and_what_the_living_use_stays(tmp_path: Path) -> None:
    parent = tmp_path / "work"
    (tmp_path / "work" / "others").mkdir(parents=True)
    killed, lives = user(parent), user(parent)
    with killed, lives:
        left, used = place(killed), place(lives)
        assert left != used
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        assert left.exists()
        with open_scratch_folder(parent, "job-") as mine:
            assert sorted(parent.iterdir()) == sorted([used, mine, parent / "others"])
        assert (used / "litter").exists()
        assert not mine.exists()
        lives.communicate("\n")
    assert list(parent.iterdir()) == [parent / "others"]

"""`enter.py start|exec SPECIFICATION [WORD …]`: become a container's process. Run as root.

`start` makes namespaces, mounts the container's file systems and starts its first process, whose exit code it returns;
it is told the process's end by the kernel, and the process its own. `exec` becomes another process of a container that
runs, as a health check is. Both have the image's user, the capabilities and the environment of the specification
and nothing else of this machine. With `init`, the first process only forwards signals and collects what has ended, as
Docker's own does. It ends with a traceback where the kernel refuses something. Standard library only.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
STREAMS = {"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "SETGID": 6, "SETUID": 7}
ALL_CAPABILITIES = range(64)
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
SPACES = {"mount": 0x20000, "uts": 0x4000000, "ipc": 0x8000000, "pid": 0x20000000, "net": 0x40000000}
NOT_FOUND = 127
KERNEL = ctypes.CDLL(None, use_errno=True)


def mount(*words: str) -> None:
    """Run `mount`; raises CalledProcessError with its message on stderr."""
    subprocess.run(["mount", *words], check=True)


def make_root(given: dict[str, Any]) -> Path:
    """Mount the image's layers, the volumes and what every container has; returns the root."""
    root = Path(given["root"])
    for target, layers in given["overlays"]:
        mount("-t", "overlay", "overlay", "-o", layers, f"{root}{target}")
    mount("-t", "proc", "proc", f"{root}/proc")
    mount("-t", "sysfs", "-o", "ro", "sysfs", f"{root}/sys")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", f"{root}/dev")
    for name, numbers in DEVICES.items():
        os.mknod(root / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(*numbers))
        (root / "dev" / name).chmod(0o666)
    for name, target in STREAMS.items():
        (root / "dev" / name).symlink_to(f"/proc/self/{target}")
    (root / "dev" / "shm").mkdir()
    mount("-t", "tmpfs", "-o", f"size={given['shm_size']},mode=1777", "tmpfs", f"{root}/dev/shm")
    for target, options in given["tmpfs"]:
        mount("-t", "tmpfs", *(("-o", options) if options else ()), "tmpfs", f"{root}{target}")
    for source, target, mode in given["binds"]:
        mount("--bind", "-o", mode, source, f"{root}{target}")
    return root


def enter(given: dict[str, Any], root: Path) -> None:
    """Have the container's root, folder, user and rights, for good."""
    os.chroot(root)
    os.chdir(given["folder"])
    os.umask(0o022)
    kept = {CAPABILITIES[name] for name in given["capabilities"]}
    for number in ALL_CAPABILITIES:
        if number not in kept:
            KERNEL.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    os.setgroups([])
    os.setresgid(given["group"], given["group"], given["group"])
    os.setresuid(given["user"], given["user"], given["user"])
    if given["no_new_privileges"]:
        KERNEL.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def become(given: dict[str, Any], words: list[str]) -> NoReturn:
    """Replace this process by the program; exit code NOT_FOUND where there is none."""
    try:
        os.execvpe(words[0], words, given["environment"])
    except FileNotFoundError as error:
        print(f"{words[0]}: {error}", file=sys.stderr)
        sys.exit(NOT_FOUND)


def watch(child: int, left: int) -> int:
    """Forward signals to `child` until it ends, and note in the file `left` what lives on then; its exit code."""
    for number in FORWARDED:
        signal.signal(number, lambda number, _: forward(child, number))
    os.write(left, b"\n")
    while True:
        ended, status = os.wait()
        if ended == child:
            break
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it may end now
            if entry.name.isdigit() and entry.name != "1" and (words := (entry / "cmdline").read_bytes()):
                os.write(left, words.replace(b"\0", b" ") + b"\n")
    return exit_code(status)


def forward(child: int, number: int) -> None:
    """Send a signal to a process, if it still runs."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def part(spaces: list[str]) -> int | None:
    """Go on as the first process in new namespaces; returns the exit code of that in the process that was there."""
    if KERNEL.unshare(sum(SPACES[name] for name in spaces)):
        raise OSError(ctypes.get_errno(), f"unshare {spaces}")
    if child := os.fork():
        return exit_code(os.waitpid(child, 0)[1])
    KERNEL.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    mount("--make-rprivate", "/")
    return None


def exit_code(status: int) -> int:
    """As a shell has it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def main(mode: str, path: str, *words: str) -> int:
    """Returns in the process that waits for a container, and as its `init`."""
    given: dict[str, Any] = json.loads(Path(path).read_text())
    if mode == "exec":
        enter(given, Path(given["root"]))
        become(given, list(words))
    if (code := part(given["spaces"])) is not None:
        return code
    socket.sethostname(given["hostname"])
    left = os.open(given["left"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    enter(given, make_root(given))
    if not given["init"]:
        os.write(left, b"\n")
        become(given, given["words"])
    if child := os.fork():
        return watch(child, left)
    become(given, given["words"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

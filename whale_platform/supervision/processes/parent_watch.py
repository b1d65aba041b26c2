"""No orphans: a child ends when its supervisor does, even by `kill -9`.

Two means, since each has a gap: the kernel's parent-death signal (Linux only, and set too late if the parent has
already ended) and EOF on the stdin pipe that the supervisor holds open (works everywhere, needs a thread). Programs
that are not ours (the broker, Postgres) get the first by `python -m whale_platform.supervision.processes.parent_watch`.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent(sig: signal.Signals, parent: int | None = None) -> None:
    """Ask the kernel to send `sig` to this process when its parent ends; the request survives exec.

    Where the platform was started with signals ignored (a script's `&`, some launchers), they count again here: what
    a process ignores its children ignore too, and Java and Dagster would then not end when told to.
    """
    for ends in (signal.SIGINT, signal.SIGTERM, sig):
        if signal.getsignal(ends) == signal.SIG_IGN:
            signal.signal(ends, signal.SIG_DFL)
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(sig))
    if parent is not None and os.getppid() != parent:
        sys.exit(f"the parent {parent} ended before its child was ready")


def on_stdin_eof(call: Callable[[], None]) -> None:
    """Call once, from a daemon thread, when the stdin pipe closes. Does nothing where stdin is not a pipe."""
    if os.environ.get("WHALE_LEASH") != "stdin":
        return

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        call()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def main(argv: list[str]) -> None:
    """`parent_watch SIGNAL PROGRAM ARG…`: become PROGRAM, to be sent SIGNAL when the parent ends."""
    die_with_parent(signal.Signals[argv[0]])
    os.execvp(argv[1], argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])

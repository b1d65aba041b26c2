"""CPU use and CPU wait of a service's processes, which tell a hung process from a starved one.

A process that waits for the processor (`waited_s`) can't get on, however healthy it is; one that neither runs nor waits
is blocked. Where the kernel does not publish its scheduler's figures, a process that is seen runnable counts as one
that waits. Reading costs a look at every process of the machine, so it is done only while something is in doubt.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_WINDOW_S = 10.0
ACTIVE_SHARE = 0.05  # of one core: less is what timers and heartbeats cost
STARVED_SHARE = 0.25  # of the time, in which some thread was ready to run and was not let


@dataclass(frozen=True, slots=True)
class ProcessActivity:
    """Since the meter was made, over all its processes. `stopped_s`: how long one has been stopped (SIGSTOP) by now."""

    observed_s: float = 0.0
    cpu_s: float = 0.0
    waited_s: float = 0.0
    stopped_s: float = 0.0


NO_ACTIVITY = ProcessActivity()


class ActivityMeter:
    """Adds up what `roots` (pids) and all their descendants do from now on, also of those that end meanwhile."""

    def __init__(self, roots: Iterable[int], clock: Callable[[], float] = time.monotonic) -> None:
        self._roots, self._clock = tuple(roots), clock
        self.begun = self._read_at = clock()
        self._stopped_since: float | None = None
        self._cpu_s = self._waited_s = 0.0
        self._last: dict[tuple[int, float], tuple[float, float]] = {}
        self._look(first=True)

    def read(self) -> ProcessActivity:
        """Measure now, and return the activity since the beginning."""
        self._look(first=False)
        now = self._read_at
        stopped_s = now - self._stopped_since if self._stopped_since is not None else 0.0
        return ProcessActivity(now - self.begun, self._cpu_s, self._waited_s, stopped_s)

    def _look(self, first: bool) -> None:
        now = self._clock()
        since, self._read_at = now - self._read_at, now
        found: dict[tuple[int, float], tuple[float, float]] = {}
        stopped = False
        for process in find_process_tree(self._roots):
            with contextlib.suppress(psutil.Error, OSError):
                key, status = (process.pid, process.create_time()), process.status()
                stopped = stopped or status == psutil.STATUS_STOPPED
                used, waited = sum(process.cpu_times()[:2]), _run_delay_s(process.pid)
                before = self._last.get(key, (0.0, 0.0))
                if waited is None:  # by sampling: it would have run all the time since the last look
                    waited = before[1] + (since if status == psutil.STATUS_RUNNING and not first else 0.0)
                if status == psutil.STATUS_DISK_SLEEP and not first:
                    self._waited_s += since
                found[key] = (used, waited)
                if not first:
                    self._cpu_s += max(0.0, used - before[0])
                    self._waited_s += max(0.0, waited - before[1])
        self._last = found
        if not stopped:
            self._stopped_since = None
        elif self._stopped_since is None:
            self._stopped_since = now


class ActivityTracker:
    """When a group of processes last did anything: used the processor, waited for it, or changed what `token` gives."""

    def __init__(
        self,
        roots: Iterable[int],
        token: Callable[[], object] = lambda: None,
        window_s: float = SAMPLE_WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token, self._window_s, self._clock = token, window_s, clock
        self._meter = ActivityMeter(roots, clock)
        self._seen, self._said_cpu_s = token(), 0.0
        self.activity = ProcessActivity()
        self.moved_at = clock()

    def refresh(self) -> None:
        """Call often; the processes are looked at once in a window."""
        token = self._token()
        if token != self._seen:
            self._seen, self.moved_at, self._said_cpu_s = token, self._clock(), self.activity.cpu_s
        if self._clock() - (self._meter.begun + self.activity.observed_s) >= self._window_s:
            before, self.activity = self.activity, self._meter.read()
            if was_active(before, self.activity):
                self.moved_at = self._clock()

    def idle_s(self) -> float:
        """For how long nothing has moved."""
        return self._clock() - self.moved_at

    def cpu_since_output_s(self) -> float:
        """CPU seconds used since the token last changed."""
        return self.activity.cpu_s - self._said_cpu_s

    def reset(self) -> None:
        """The watcher was not running: what was seen until now proves nothing."""
        self.moved_at = self._clock()


def was_active(before: ProcessActivity, after: ProcessActivity) -> bool:
    """Whether processes worked, or would have if they had been let, between two readings."""
    took = after.observed_s - before.observed_s
    cpu_s, waited_s = after.cpu_s - before.cpu_s, after.waited_s - before.waited_s
    return cpu_s >= ACTIVE_SHARE * took or waited_s >= STARVED_SHARE * took


def find_process_tree(roots: Iterable[int]) -> list[psutil.Process]:
    """The processes `roots` with all their descendants, as far as they live."""
    found: dict[int, psutil.Process] = {}
    for pid in roots:
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(pid)
            found |= {one.pid: one for one in (root, *root.children(recursive=True))}
    return list(found.values())


def _run_delay_s(pid: int) -> float | None:
    """How long its threads have been ready to run without running, seconds; None where the kernel does not say."""
    waited, known = 0, False
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError, IndexError, ValueError):
                waited += int((thread / "schedstat").read_text().split()[1])
                known = True
    except OSError:
        return None
    return waited / 1e9 if known else None

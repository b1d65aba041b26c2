"""The loop that keeps every service of one home alive, and ends them all in order.

Each turn refreshes every service, calls `decide_restart`, acts, and publishes `run/supervisor.json`. Level-triggered:
a turn that is late or lost costs time, never a decision. What a person has stopped (desired_state.py) is ended and
stays so. If this process is killed its services end by their parent watches, or by the log collector; what still
lives when the next supervisor starts is ended first.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from whale_platform.files.atomic_files import write_json
from whale_platform.supervision.control import desired_state
from whale_platform.supervision.control.desired_state import DesiredState
from whale_platform.supervision.control.state_changes import StateChanges
from whale_platform.supervision.control.state_files import (
    SUPERVISOR,
    delete_requests,
    pop_restart_request,
    state_path,
)
from whale_platform.supervision.deployment import Deployment, describe_outdated
from whale_platform.supervision.policy.restart_policy import WORKING_STATES, ShownState
from whale_platform.supervision.policy.service_spec import ServiceSpec
from whale_platform.supervision.processes import orphans, parent_watch, setup_programs, stop_signals
from whale_platform.supervision.processes.log_pipes import LogPipes
from whale_platform.supervision.runtime import log_setup
from whale_platform.supervision.runtime.lease import Lease, pop_handed_lease
from whale_platform.supervision.supervised_service import SupervisedService

TURN_S = 0.1
PUBLISH_S = 1.0
DESIRED_EVERY_S = 0.5
ABSENCE_S = 5.0


class Supervisor:
    """Supervises `specs` (in start order; stopped in reverse) for one home.

    `about` is published as it is. `name`: another one where each service has a supervisor of its own, as in a
    container (`own_supervisor_name`). Raises ValueError where a need is not named before its user.
    """

    def __init__(
        self,
        home: Path,
        specs: Iterable[ServiceSpec],
        about: Mapping[str, Any],
        make_log_pipes: Callable[..., LogPipes] = LogPipes,
        deployment: Deployment | None = None,
        name: str = SUPERVISOR,
    ) -> None:
        self._home, self._name = home.resolve(), name
        self._specs = tuple(replace(spec, command=partial(self._build_command, spec)) for spec in specs)
        _check_order(self._specs)
        self._deployment = deployment or Deployment()
        self._changes = StateChanges(self._home, f"{os.getpid()}-{time.time():.0f}", name)
        self._desired: dict[str, DesiredState] = {}
        self._desired_at = 0.0
        self._about = dict(about)
        self._make_log_pipes = make_log_pipes
        self._log = structlog.get_logger().bind(service=name)
        self._stop = threading.Event()
        self._stopping = False
        self._shown: dict[str, tuple[ShownState, str]] = {}
        self._published = 0.0

    def run(self) -> None:
        """Run until SIGTERM, SIGINT or the parent watch; then stop everything. Raises LeaseRefusedError where one is at
        work."""
        lease = Lease(self._home, self._name)
        lease.acquire(pop_handed_lease())
        lease.hold_until_exit()
        stop_signals.on_stop_signal(self._stop.set)
        parent_watch.on_stdin_eof(self._stop.set)
        part = self._name != SUPERVISOR
        if part:  # a container's pid is the same in each life: the last life's words would count as this one's
            state_path(self._home, self._name).unlink(missing_ok=True)
        only = [spec.name for spec in self._specs] if part else None
        orphans.end_orphans(
            self._home, lambda text: self._log.warning("orphans of an earlier run", doing=text), only=only
        )
        delete_requests(self._home, [spec.name for spec in self._specs])
        self._log_pipes = self._make_log_pipes(self._home, [spec.name for spec in self._specs])
        self._services = {spec.name: SupervisedService(spec, self._home, self._log_pipes) for spec in self._specs}
        self._log.info("started", pid=os.getpid(), home=str(self._home))
        try:
            self._loop()
        finally:
            self._stop_all()
            self._log_pipes.close()
            self._log.info("ended")

    def _loop(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(TURN_S):
            now = time.monotonic()
            away, last = now - last > ABSENCE_S, now
            self._log_pipes.ensure_running()
            self._handle_requests()
            self._refresh(now)
            for member in self._services.values():
                member.refresh()
                if away:
                    member.reset_silence()
                self._step(member)
            self._publish()

    def _refresh(self, now: float) -> None:
        if now - self._desired_at >= DESIRED_EVERY_S:
            self._desired_at = now
            self._desired = {name: desired_state.read_desired_state(self._home, name) for name in self._services}
        if self._deployment.refresh():
            self._report_outdated()
        for member in self._services.values():
            if member.spec.one_shot and self._is_due(member.spec.name):
                self._log.info("done again for new code", target=member.spec.name, code=self._deployment.checkout)
                member.restart()

    def _step(self, service: SupervisedService) -> None:
        name, desired = service.spec.name, self._desired.get(service.spec.name, DesiredState())
        if not desired.running:
            self._record_state(
                name, "stopped", f"by {desired.by}" if service.stop_as_desired() else f"by {desired.by}, ending"
            )
            return
        missing = tuple(need for need in service.spec.needs if not self._is_serving(need))
        self._record_state(name, *service.step(missing))

    def _is_serving(self, name: str) -> bool:
        if self._shown.get(name, ("waiting", ""))[0] not in WORKING_STATES:
            return False
        return not (self._services[name].spec.one_shot and self._deployment.is_outdated(name))

    def _is_due(self, one_shot: str) -> bool:
        """Whether what was done for other code is to be done again: somebody waits for it, or runs the new code."""
        if not self._deployment.is_outdated(one_shot) or self._shown[one_shot][0] not in ("ready", "blocked"):
            return False
        return any(
            (one_shot in other.spec.needs and self._shown[name][0] == "waiting")
            or (other.process is not None and self._deployment.is_current(name))
            for name, other in self._services.items()
            if not other.spec.one_shot
        )

    def _build_command(self, spec: ServiceSpec) -> tuple[str, ...]:
        """What to start, noting with which code: where it is Python it is this package's."""
        argv = spec.command()
        if argv[0] == sys.executable and self._deployment.record_start(spec.name):
            self._report_outdated()
        return argv

    def _report_outdated(self) -> None:
        checkout = self._deployment.checkout
        self._log.info("the checkout has changed; nothing is restarted for it", code=checkout)
        for name in self._services:
            if self._deployment.is_outdated(name):
                text = describe_outdated(name, self._deployment.code_of(name), checkout)
                self._changes.add(name, self._shown[name][0], text)

    def _handle_requests(self) -> None:
        for name, member in self._services.items():
            if pop_restart_request(self._home, name):
                self._log.info("restart asked for", target=name)
                member.restart()

    def _stop_all(self) -> None:
        self._stopping = True
        self._publish(force=True)
        setup_programs.cancel_programs()
        for member in reversed(self._services.values()):
            self._record_state(member.spec.name, self._shown.get(member.spec.name, ("stopped", ""))[0], "")
            member.stop_for_good(self._publish)
            self._record_state(member.spec.name, "stopped", "")
        self._publish(force=True)

    def _record_state(self, name: str, state: ShownState, detail: str) -> None:
        before = self._shown.get(name)
        self._shown[name] = (state, detail)
        if before is None or before[0] != state:
            self._log.info("state", target=name, state=state, detail=detail)
            self._changes.add(name, state, detail)
            self._published = 0.0

    def _publish(self, force: bool = False) -> None:
        self._changes.write()
        now = time.monotonic()
        if not force and now - self._published < PUBLISH_S:
            return
        self._published = now
        log_setup.rotate_log(self._home / "logs" / f"{SUPERVISOR}.log")
        state = {
            "pid": os.getpid(),
            "life": self._changes.life,
            "at": time.time(),
            "stopping": self._stopping,
            "checkout": self._deployment.checkout,
            **self._about,
            "services": {name: self._build_entry(name, member) for name, member in self._services.items()},
        }
        with contextlib.suppress(OSError):
            write_json(state_path(self._home, self._name), state)

    def _build_entry(self, name: str, service: SupervisedService) -> dict[str, Any]:
        more = {"starts": service.starts, "short_lives": service.short_lives, "code": self._deployment.code_of(name)}
        return service.status_entry(*self._shown.get(name, ("waiting", ""))) | more


def _check_order(specs: Sequence[ServiceSpec]) -> None:
    seen: set[str] = set()
    for spec in specs:
        if unknown := set(spec.needs) - seen:
            raise ValueError(f"{spec.name} needs {sorted(unknown)}, which must be named before it")
        seen.add(spec.name)

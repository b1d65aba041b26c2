"""What a service is to its supervisor: how it starts, when it is ready, how it stops. Data only.

The supervisor needs nothing else to know a service.
"""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from whale_platform.supervision.policy.backoff import RestartBackoff


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service. Times in seconds.

    `command`: argv, asked for at each start, after `prepare`. `env` is laid over the supervisor's own environment.
    `needs`: names that must be ready before this one starts. `prepare` runs in a thread before each start; what it
    raises counts as a failed start. `is_ready`: True once the service answers, None where another's fault keeps it from
    being asked; must not raise; needed exactly where `has_heartbeat` is false and the service is not `one_shot`. Once
    it is ready, every loop that its heartbeat names (or `is_ready`) must advance at least every `silent_after_s`, or it
    hangs; it loops without progress where it uses `loops_after_cpu_s` of CPU meanwhile. A start may take as long as it
    likes while it works, writes to its log or reports something new: it is ended after `idle_limit_s` of none of these.
    What was told to stop is killed once it has not moved for `stop_grace_s`. `nice`: its priority once it has started;
    a start at a low one would take for ever where the processor is short.
    """

    name: str
    command: Callable[[], tuple[str, ...]]
    env: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    prepare: Callable[[], None] | None = None
    is_ready: Callable[[], bool | None] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_s: float = 5.0
    one_shot: bool = False
    has_heartbeat: bool = True
    nice: int = 0
    silent_after_s: float = 30.0
    loops_after_cpu_s: float = 10.0
    idle_limit_s: float = 300.0
    backoff: RestartBackoff = field(default_factory=RestartBackoff)

"""A service's preparation before its start, in a thread: downloads and migrations take long, the watch goes on."""

import threading
from collections.abc import Callable

from whale_platform.supervision.policy.service_spec import ServiceSpec


class ServicePreparation:
    """`spec.prepare`, begun. `done`: it has come to its end; `error`: what it raised, set before `done`."""

    def __init__(self, spec: ServiceSpec) -> None:
        self.error: Exception | None = None
        self.done = spec.prepare is None
        if spec.prepare is not None:
            name = f"prepare-{spec.name}"
            threading.Thread(target=self._run, args=(spec.prepare,), name=name, daemon=True).start()

    def _run(self, prepare: Callable[[], None]) -> None:
        try:
            prepare()
        except Exception as error:  # noqa: BLE001 one service's failure to prepare must not end the supervisor
            self.error = error
        self.done = True

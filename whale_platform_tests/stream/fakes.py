"""What the stream's loop runs, for its tests: queries, flow, lake and healer that do as they are told."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import structlog
from py4j.protocol import Py4JError

from whale_platform.settings import Settings
from whale_platform.stream.main_loop import MainLoop
from whale_platform.stream.monitoring.lag import UNKNOWN_LAG
from whale_platform.stream.query.mode_policy import Mode
from whale_platform.stream.windows_query import WindowsQuery
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform.supervision.runtime.runner import ServiceContext


class Query:
    """Runs until it is stopped, which takes as long as `held` says."""

    lastProgress: Any = None
    recentProgress: tuple[Any, ...] = ()

    def __init__(self) -> None:
        self.isActive, self.held = True, threading.Event()
        self.held.set()

    def stop(self) -> None:
        self.held.wait(30)
        self.isActive = False
        raise Py4JError("its last batch was ended")


class Stage:
    """Everything around the loop; each turn of it runs the next of `acts`, the last one stops the service."""

    def __init__(self, home: Path, wanted: str = "auto") -> None:
        self.said: list[str] = []
        self.acts: list[Callable[[], object]] = []
        settings = Settings.model_validate({"home": home, "stream_mode": wanted})
        self.context = ServiceContext(settings, Heartbeat("stream"), structlog.get_logger())
        self.behind = {"windows": UNKNOWN_LAG, "whales": UNKNOWN_LAG}
        self.rate, self.windows_emitted, self.reads = 10.0, None, set[str]()
        nothing = SimpleNamespace(batch=None)
        self.committed, self.trouble = {"windows": nothing, "whales": nothing}, ""
        self.shortage = ""
        self.queries: list[Query] = []
        self.whales = Query()
        self.windows = WindowsQuery(self._start, cast("Any", wanted), structlog.get_logger())
        self.cover: Any = None
        lake: Any = Lake(self)
        flow, whales = cast("Any", self), cast("Any", self.whales)
        self.healer = SimpleNamespace(trouble="", recent_recoveries="", is_suspended=self._stands)
        healer = cast("Any", self.healer)
        self.watch = MainLoop(
            self.context,
            flow,
            whales,
            self.cover,
            self.windows,
            lake,
            healer,
            self._failed,
            lambda _: self.said.append("rehearse"),
            lambda: self.shortage,
        )

    def run(self, *acts: Callable[[], object]) -> int:
        self.acts = [*acts, self.context.stop.set]
        return self.watch.run()

    def update(self, running: dict[str, Mode]) -> None:
        self.acts.pop(0)()

    def mark_start(self, query: str) -> None:
        self.said.append(f"begin {query}")

    def has_caught_up(self, query: str, active: Callable[[], bool]) -> bool:
        return query in self.reads

    def close(self) -> None:
        self.said.append("close")

    def state(self) -> tuple[str, str]:
        return self.context.heartbeat.state, self.context.heartbeat.detail

    def _start(self, mode: Mode) -> Any:
        self.said.append(f"start {mode}")
        self.queries.append(Query())
        return self.queries[-1]

    def _stands(self, query: str) -> bool:
        return query in str(self.healer.trouble)

    def _failed(self, name: str, query: Any) -> bool:
        self.said.append(f"{name} failed")
        return not self.healer.trouble


class Lake:
    outdated = False

    def __init__(self, stage: Stage) -> None:
        self._said, self.trouble = stage.said, ""

    def poll(self, behind: bool) -> None:
        self._said.append("lake slowly" if behind else "lake")

    def stop(self) -> None:
        self._said.append("lake stops")

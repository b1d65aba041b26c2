"""What the app is made of: made once from the settings, handed to the endpoints, to the gate and to the service."""

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from whale_platform.api.latest_cache.cache import Board
from whale_platform.api.monitoring.health import Health
from whale_platform.api.monitoring.live_status import Status
from whale_platform.api.monitoring.metrics import Metrics
from whale_platform.api.monitoring.thread_pool import Worker
from whale_platform.api.push.app import Live
from whale_platform.api.server.api_keys import Keys
from whale_platform.api.server.connection_registry import Crowd
from whale_platform.api.server.refusal_log import Trail
from whale_platform.settings import Settings
from whale_platform.stores.postgres.pool import Pool

WATCH = 2  # threads for /health and /metrics


@dataclass(slots=True)
class Parts:
    """Raises KeyFileError where the home's keys can't be read.

    open_without_keys: whether anybody may ask while there is no key at all; local_only: whether only this machine can
    reach it. worker: for what Postgres answers; slow: for what Kafka is searched for; watch: for /health and /metrics.
    Each thread that asks Postgres finds a connection: the pool has one for each.
    """

    settings: Settings
    pool: Pool
    board: Board = field(default_factory=Board)
    open_without_keys: bool = True
    local_only: bool = False
    crowd: Crowd = field(default_factory=Crowd)
    trail: Trail = field(init=False, default_factory=Trail)
    metrics: Metrics = field(init=False)
    health: Health = field(init=False)
    worker: Worker = field(init=False)
    slow: Worker = field(init=False)
    watch: Worker = field(init=False)
    keys: Keys = field(init=False)
    live: Live = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.keys = Keys(settings.home)
        self.live = Live(
            settings.bootstrap,
            partial(settings.dsn, "api"),
            origins=frozenset(settings.api_cors),
            look=Status(settings, self.board).read,
            welcome=self.welcome,
            taken_back=self.board.taken_back,
        )
        self.metrics = Metrics(settings, self.pool, self.board, lambda: self.live.numbers() | self.crowd.numbers())
        self.health = Health(settings, self.pool, self.board)
        waiting = self.metrics.waiting
        self.worker = Worker("tables", self.pool.size - WATCH, 64, waiting)
        self.slow = Worker("kafka", 1, 9, waiting)  # one looks through Kafka, which takes the processor; eight wait
        self.watch = Worker("watch", WATCH, 16, waiting)

    def close(self) -> None:
        """Take no more work."""
        for worker in (self.worker, self.slow, self.watch):
            worker.close()

    def welcome(self, key: str) -> bool:
        """Whether who has the key of that name (empty: none) may ask."""
        return self.keys.there(key) if key else self.open_without_keys and not self.keys.any


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


PartsNow = Annotated[Parts, Depends(_parts)]

"""The pipeline's lock, which remembers that a producer that takes nothing more threw somebody out of it."""

import threading

from whale_platform.broker.errors import ProducerStoppedError


class PipelineLock:
    """Use as a context manager. `broken`: whether what was being published is not known any more."""

    def __init__(self) -> None:
        self.broken = False
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is ProducerStoppedError:
            self.broken = True
        self._lock.release()

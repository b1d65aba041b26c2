"""What the ingester's threads have in common: a start, an end that can be awaited, and whether they run.

A thread ends by its owner's stop event; one that ends by itself is noticed by the service, which then ends too
(`service.py`).
"""

import threading
from abc import ABC, abstractmethod


class BackgroundThread(ABC):
    """One daemon thread that runs `_run`, which a subclass defines."""

    def __init__(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end, if it was started; return whether it does not run."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self.is_alive()

    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    @abstractmethod
    def _run(self) -> None:
        """Work until the owner stops it."""

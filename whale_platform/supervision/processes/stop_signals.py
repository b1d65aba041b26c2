"""Ends a process at SIGTERM or SIGINT without a lock in the signal's handler.

A handler runs between two instructions of the main thread. Where that waits for an event over and over, it may hold the
event's lock just then, and a handler that sets the event would wait for it for ever: the process would neither end nor
go on. So the handler only queues the signal, which takes no lock, and a thread does what is to be done.
"""

import queue
import signal
import threading
from collections.abc import Callable


def on_stop_signal(stop: Callable[[], None]) -> None:
    """Call `stop` from a thread at each SIGTERM or SIGINT. Call it from the main thread."""
    asked = queue.SimpleQueue[int]()

    def follow() -> None:
        while True:
            asked.get()
            stop()

    threading.Thread(target=follow, name="stop-signals", daemon=True).start()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda number, _: asked.put(number))

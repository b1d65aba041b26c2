"""Looks every few seconds, in a thread of its own, whether the topics are still the ones being read.

A deleted and recreated topic of the same name would otherwise be read on in its middle, and a partition added later
not at all. An outage of the broker shows here as `trouble`; the reader itself waits it out silently.
"""

import threading
from collections.abc import Callable

from whale_platform.broker.topics import BrokerError
from whale_platform.sink.resume_offsets import TopicIdentity

INTERVAL_S = 5.0


class BrokerUnavailableError(Exception):
    """The broker did not answer in the short time it was given."""


class TopicWatch:
    """`identify` asks the broker. Starts at once; ends with `stop`."""

    def __init__(self, identify: Callable[[], TopicIdentity], known: TopicIdentity) -> None:
        self.changed = False
        self.trouble = ""
        self._identify = identify
        self._known = known
        self._stop = threading.Event()
        threading.Thread(target=self._look, name="topic-watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more; an answer still under way is ignored."""
        self._stop.set()

    def _look(self) -> None:
        while not self.changed and not self._stop.wait(INTERVAL_S):
            try:
                self.changed = self._identify() != self._known
                self.trouble = ""
            except (BrokerError, BrokerUnavailableError) as error:
                self.trouble = f"waiting for Kafka: {describe_broker_error(error)}"


def describe_broker_error(error: Exception) -> str:
    """What a BrokerError or BrokerUnavailableError says, for people."""
    return str(error) if isinstance(error, BrokerUnavailableError) else str(error.args[0].str())

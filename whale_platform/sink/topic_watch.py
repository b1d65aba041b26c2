"""Looks every few seconds, in a thread of its own, whether the topics are still the ones being read.

A deleted and recreated topic of the same name would otherwise be read on in its middle, and a partition added later
not at all. An outage of the broker shows here as `trouble`; the reader itself waits it out silently.
"""

import threading
from collections.abc import Callable

from whale_platform.broker.errors import BrokerError, describe_broker_error
from whale_platform.sink.resume_offsets import TopicIdentity

INTERVAL_S = 5.0


class TopicWatch:
    """`identify` asks the broker. Starts at once; ends with `stop`."""

    def __init__(self, identify: Callable[[], TopicIdentity], known: TopicIdentity) -> None:
        self.changed = False
        self.trouble = ""
        self._identify = identify
        self._known = known
        self._stop = threading.Event()
        threading.Thread(target=self._watch_topics, name="topic-watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more; an answer still under way is ignored."""
        self._stop.set()

    def _watch_topics(self) -> None:
        while not self.changed and not self._stop.wait(INTERVAL_S):
            try:
                self.changed = self._identify() != self._known
                self.trouble = ""
            except BrokerError as error:
                self.trouble = f"waiting for Kafka: {describe_broker_error(error)}"

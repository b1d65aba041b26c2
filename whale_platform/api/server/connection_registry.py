"""The open connections by address, so that one address can't use up the sockets of all others.

A socket counts from its first moment to its last. It is idle while no request of it is under way: a new one that has
said nothing or half a head, one that is kept alive, one whose answer is not fetched. Where an address has too many idle
ones, or no place is left, the one that has been idle longest goes for the new one, so whoever asks at once is served.
What is at work goes for nobody: past `MAX_PER_ADDRESS` of one address, or without any place, a new one is refused.
"""

import resource
from collections import Counter, OrderedDict
from contextlib import suppress
from typing import Protocol

MAX_CONNECTIONS = 2_000
MAX_PER_ADDRESS = 500  # above Limits.per_address, or plain requests could not come beside as many live clients
MAX_IDLE_PER_ADDRESS = 200
SHARED_ADDRESS = ""  # the address of a proxy's connection between two requests: those of all its clients
RESERVED_FILES = (
    300  # connections to Postgres and Kafka, files, and sockets that are closed only in the loop's next turn
)


class EvictableConnection(Protocol):
    """A connection. `evict` ends it at once."""

    address: str

    def evict(self) -> None:
        """End it; what has not been sent yet is lost."""


class ConnectionRegistry:
    """Used by the event loop alone. limit: of connections in all."""

    def __init__(self, limit: int = MAX_CONNECTIONS) -> None:
        self._limit = limit
        self._inside: set[EvictableConnection] = set()
        self._of_address: Counter[str] = Counter()
        self._idle: OrderedDict[EvictableConnection, None] = OrderedDict()  # longest first
        self._idle_of: dict[str, OrderedDict[EvictableConnection, None]] = {}
        self._evicted = self._refused = 0

    def register(self, connection: EvictableConnection) -> bool:
        """Let it in, idle; False where it has to be refused."""
        if self._is_full(connection.address):
            self._evict_one(self._idle_of.get(connection.address))
        if len(self._inside) >= self._limit:
            self._evict_one(self._idle)
        if self._is_full(connection.address) or len(self._inside) >= self._limit:
            self._refused += 1
            return False
        self._inside.add(connection)
        self._of_address[connection.address] += 1
        self.mark_idle(connection)
        return True

    def mark_idle(self, connection: EvictableConnection) -> None:
        """No request of it is under way, from now on."""
        if connection not in self._inside:
            return
        ours = self._idle_of.setdefault(connection.address, OrderedDict())
        self._idle[connection] = ours[connection] = None
        if len(ours) > MAX_IDLE_PER_ADDRESS and connection.address != SHARED_ADDRESS:
            self._evict_one(ours)

    def mark_busy(self, connection: EvictableConnection) -> None:
        """A request of it is under way, from now on."""
        self._idle.pop(connection, None)
        if (ours := self._idle_of.get(connection.address)) is not None:
            ours.pop(connection, None)
            if not ours:
                del self._idle_of[connection.address]

    def move_to_address(self, connection: EvictableConnection, address: str) -> bool:
        """Count `connection`, which must be at work, for `address` from now on; False where that has too many."""
        if connection not in self._inside or address == connection.address:
            return True
        if self._is_full(address):
            self._refused += 1
            return False
        self._decrement_count(connection.address)
        connection.address = address
        self._of_address[address] += 1
        return True

    def unregister(self, connection: EvictableConnection) -> None:
        """It has ended; said twice, it is heard once."""
        if connection not in self._inside:
            return
        self.mark_busy(connection)
        self._inside.remove(connection)
        self._decrement_count(connection.address)

    def read_metrics(self) -> dict[str, int]:
        """Return the figures for `/metrics`."""
        return {
            "api_connections": len(self._inside),
            "api_connections_idle": len(self._idle),
            "api_connections_evicted_total": self._evicted,
            "api_connections_refused_total": self._refused,
        }

    def _is_full(self, address: str) -> bool:
        return address != SHARED_ADDRESS and self._of_address[address] >= MAX_PER_ADDRESS

    def _decrement_count(self, address: str) -> None:
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]

    def _evict_one(self, idle: OrderedDict[EvictableConnection, None] | None) -> None:
        if idle:
            one = next(iter(idle))
            self.unregister(one)
            self._evicted += 1
            one.evict()


def reserve_sockets() -> int:
    """How many sockets this process has open files for, `MAX_CONNECTIONS` at most; raises its soft limit as far as it
    needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(MAX_CONNECTIONS, soft - RESERVED_FILES))

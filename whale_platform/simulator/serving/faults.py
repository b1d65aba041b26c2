"""The seam for faults on demand: every connection and every outgoing payload passes here."""

from typing import Protocol


class Faults(Protocol):
    """What may go wrong on purpose. `client` numbers a connection; `exchange` is its name in the registry."""

    def accept(self, exchange: str) -> bool:
        """Whether a new WebSocket connection is taken; otherwise it gets a 503."""

    def outgoing(self, exchange: str, client: int, payloads: list[bytes]) -> list[bytes]:
        """What is sent in place of these text payloads, in order."""


class NoFaults:
    """Implements `Faults` for a simulator in which nothing goes wrong."""

    def accept(self, _exchange: str) -> bool:
        """Return True."""
        return True

    def outgoing(self, _exchange: str, _client: int, payloads: list[bytes]) -> list[bytes]:
        """Return `payloads` as they are."""
        return payloads

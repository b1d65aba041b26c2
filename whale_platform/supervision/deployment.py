"""Which code each service runs, and which is checked out: a `git pull` or a commit replaces no running service.

A service takes the new code when it is started again, by a person or after a crash; what must be done once for a code
(the one-shots: topics, migrations) is done again before. Where git can't say, nothing counts as new.
"""

import time
from collections.abc import Callable

from whale_platform.version import deployed_code

CHECK_EVERY_S = 30.0


class Deployment:
    """`checkout`: the code that is checked out. Asking for it is a git command of some milliseconds."""

    def __init__(self, read_version: Callable[[], str] = deployed_code, every_s: float = CHECK_EVERY_S) -> None:
        self._read_version, self._every_s = read_version, every_s
        self._codes: dict[str, str] = {}
        self.checkout = read_version()
        self._looked = time.monotonic()

    def refresh(self) -> bool:
        """Whether the checkout has changed since the last look; asked every `every_s` seconds at most."""
        if time.monotonic() - self._looked < self._every_s:
            return False
        return self._refresh_checkout()

    def record_start(self, service: str) -> bool:
        """`service` starts now, with what is checked out; whether that has changed since the last look."""
        changed = self._refresh_checkout()
        self._codes[service] = self.checkout
        return changed

    def code_of(self, service: str) -> str:
        """What `service` was last started with; empty where that is not known or not of this package."""
        return self._codes.get(service, "")

    def is_outdated(self, service: str) -> bool:
        """Whether `service` was last started with other code than is checked out."""
        return self.code_of(service) not in ("", self.checkout)

    def is_current(self, service: str) -> bool:
        """Whether `service` was last started with what is checked out."""
        return self.code_of(service) == self.checkout != ""

    def _refresh_checkout(self) -> bool:
        self._looked = time.monotonic()
        before, self.checkout = self.checkout, self._read_version() or self.checkout
        return before != self.checkout


def describe_outdated(services: str, code: str, checkout: str) -> str:
    """The sentence for a person."""
    return f"{services}: running code {code}, the checkout is {checkout}; `whale restart --all` takes it"

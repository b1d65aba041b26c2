"""Where topics begin and end: an offset that the broker left unknown is no offset."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from whale_platform.broker import edges
from whale_platform.broker.topics import BrokerError


def test_an_unknown_offset_is_no_answer() -> None:
    answer: Future[Any] = Future()
    answer.set_result(SimpleNamespace(offset=-1))
    with pytest.raises(BrokerError):
        edges._offset(answer)

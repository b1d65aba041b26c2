"""Who may stay when many come, and how many lines of the log that costs."""

import subprocess
import sys
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.api.server.connection_registry import (
    MAX_IDLE_PER_ADDRESS,
    MAX_PER_ADDRESS,
    ConnectionRegistry,
)
from whale_platform.api.server.refusal_log import EVERY_S, KEPT, LINES, LogThrottle


@dataclass(eq=False)
class Socket:
    address: str
    evicted: list[bool] = field(default_factory=list)

    def evict(self) -> None:
        self.evicted.append(True)


def numbers(crowd: ConnectionRegistry) -> list[int]:
    return list(crowd.read_metrics().values())


def test_a_thousand_idle_ones_of_one_address_leave_the_others_and_the_newest_alone() -> None:
    crowd, other = ConnectionRegistry(), Socket("b")
    assert crowd.register(other)
    many = [Socket("a") for _ in range(1_000)]
    assert all(crowd.register(one) for one in many)
    assert [bool(one.evicted) for one in many] == [True] * (1_000 - MAX_IDLE_PER_ADDRESS) + [
        False
    ] * MAX_IDLE_PER_ADDRESS
    assert not other.evicted and numbers(crowd) == [MAX_IDLE_PER_ADDRESS + 1, MAX_IDLE_PER_ADDRESS + 1, 800, 0]


def test_what_is_at_work_stays_and_one_address_fills_no_more_than_its_share() -> None:
    crowd = ConnectionRegistry()
    busy = [Socket("a") for _ in range(MAX_PER_ADDRESS)]
    for one in busy:
        assert crowd.register(one)
        crowd.mark_busy(one)
    assert not crowd.register(Socket("a")) and crowd.register(Socket("b")) and not any(one.evicted for one in busy)
    crowd.mark_idle(busy[7])
    assert crowd.register(Socket("a")) and busy[7].evicted
    crowd.unregister(busy[8])
    crowd.unregister(busy[8])
    assert crowd.register(Socket("a")) and numbers(crowd)[0] == MAX_PER_ADDRESS + 1


steps = st.lists(
    st.tuples(st.sampled_from(["register", "mark_idle", "mark_busy", "unregister"]), st.integers(0, 30)), max_size=200
)


@given(steps, st.integers(1, 12))
def test_the_places_are_never_more_than_there_are_and_idle_ones_go_first(
    script: list[tuple[str, int]], most: int
) -> None:
    crowd, known, inside, idle = ConnectionRegistry(most), dict[int, Socket](), set[int](), list[int]()

    def settle() -> None:
        for number in [number for number in inside if known[number].evicted]:
            assert number == idle[0], "the one that has been idle longest goes"
            inside.remove(number)
            idle.remove(number)

    for verb, number in script:
        if verb == "register" and number not in inside:
            known[number] = Socket(f"address {number % 3}")
            let_in = crowd.register(known[number])
            assert let_in == (len(inside) < most or bool(idle))
            settle()
            if let_in:
                inside.add(number)
                idle.append(number)
        elif number in inside and verb != "register":
            getattr(crowd, verb)(known[number])
            if verb == "unregister":
                inside.remove(number)
            if verb != "mark_idle":
                idle[:] = [one for one in idle if one != number]
            elif number not in idle:
                idle.append(number)
        assert numbers(crowd)[:2] == [len(inside), len(idle)] and len(inside) <= most


@pytest.mark.parametrize(
    ("files", "places", "soft"), [((256, 256), 1, 256), ((256, 1_000), 700, 1_000), ((1_024, 4_096), 2_000, 2_300)]
)
def test_sockets_leave_files_for_everything_else(files: tuple[int, int], places: int, soft: int) -> None:
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, {files}); "
        "from whale_platform.api.server.connection_registry import reserve_sockets; "
        "print(reserve_sockets(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.split() == [str(places), str(soft)]


def test_who_is_refused_again_and_again_costs_a_line_a_minute_and_bounded_memory() -> None:
    now = 0.0
    sparse = LogThrottle(lambda: now)
    assert [sparse.count_due("10.0.0.1 401") for _ in range(1_000)] == [1, *[0] * 999]
    assert sparse.count_due("10.0.0.1 421") == 1
    now = EVERY_S
    assert sparse.count_due("10.0.0.1 401") == 1_000
    assert sum(sparse.count_due(f"10.0.{number} 401") > 0 for number in range(5_000)) == LINES - 1
    assert len(sparse._seen) == KEPT

"""A checkpoint made anew: archived, told to the ledger, never twice, never without a pause, never another cluster's."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from whale_platform.broker.errors import ProducerStoppedError
from whale_platform.settings import Settings
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder
from whale_platform.stream.errors import ForeignCheckpointError
from whale_platform.stream.query import checkpoints, recovery
from whale_platform.stream.query.checkpoints import CheckpointLabel
from whale_platform.stream.query.queries import SourceTopic
from whale_platform.stream.query.recovery import QueryRecovery
from whale_platform_tests.stream.query.test_checkpoints import LABEL, read_until

HERE = SourceTopic("cluster-a", "topic-1", {0: 0, 1: 0}, {0: 500, 1: 500})
WHALES = replace(LABEL, query="whales")
TORN = "[CANNOT_LOAD_STATE_STORE.UNCATEGORIZED] An error occurred during loading state."


class World:
    """The topic, the ledger, the clock, and the checkpoints of two queries that have come to {0: 100, 1: 50}."""

    def __init__(self, home: Path) -> None:
        self.home, self.place, self.now, self.away = home, HERE, 1_000_000.0, False
        self.ledger: dict[tuple[str, int, int], dict[str, Any]] = {}
        self.healer = self.fresh()
        self.read(LABEL, WHALES)

    def fresh(self) -> QueryRecovery:
        """As after a restart of the service."""
        settings = Settings(home=self.home)
        return QueryRecovery(settings, structlog.get_logger(), lambda: self.place, self._send, lambda: self.now)

    def read(self, *labels: CheckpointLabel) -> None:
        for label in labels:
            path = checkpoints.prepare_folder(self.home, label, self.place.earliest, self.place.ends)
            read_until(path, {0: 100, 1: 50})

    def folder(self, label: CheckpointLabel = LABEL) -> Folder:
        return checkpoints.checkpoint_folder(self.home, label.query, label.mode, label.version)

    def archived(self) -> list[Path]:
        return list((self.home / "checkpoints" / "archive").glob("*"))

    def lost(self) -> list[tuple[str, int, int, int | None, str]]:
        names = ("reader", "partition", "first_offset", "last_offset", "cause")
        return sorted(tuple(row[name] for name in names) for row in self.ledger.values())

    def _send(self, settings: Settings, rows: Iterable[dict[str, Any]]) -> None:
        if self.away:
            raise ProducerStoppedError("no answer")
        self.ledger |= {(row["reader"], row["partition"], row["found_at"]): row for row in rows}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_fits_goes_on_and_nothing_is_told(world: World) -> None:
    folders = world.healer.prepare([LABEL, WHALES], HERE)
    assert folders == {"windows": world.folder(), "whales": world.folder(WHALES)}
    assert checkpoints.read_position(folders["windows"]) == {0: 100, 1: 50}
    assert (world.archived(), world.ledger, world.healer.recent_recoveries) == ([], {}, "")


def test_one_that_does_not_fit_is_archived_alone_and_its_loss_told(world: World) -> None:
    folders = world.healer.prepare([LABEL, WHALES], replace(HERE, earliest={0: 140, 1: 0}))
    assert world.lost() == [
        ("whales", 0, 100, 139, "expired"),
        ("whales", 1, 0, -1, "none"),
        ("windows", 0, 100, 139, "expired"),
        ("windows", 1, 0, -1, "none"),
    ]
    assert checkpoints.inspect_checkpoint(folders["windows"]).offsets == {}
    assert (
        "windows restarted" in world.healer.recent_recoveries
        and "100 to 139 are lost" in world.healer.recent_recoveries
    )
    (world.folder() / "metadata").write_text("")
    world.read(WHALES)
    world.now += 10
    world.healer.prepare([LABEL, WHALES], HERE)
    assert len(world.archived()) == 3
    assert checkpoints.read_position(world.folder(WHALES)) == {0: 100, 1: 50}, "the other one was not touched"
    world.now += recovery.SHOWN_S + 1
    assert world.healer.recent_recoveries == "", "told for an hour"


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda path: (path / checkpoints.LABEL_FILE).write_bytes(b""), "none"),
        (lambda path: [(path / name).unlink() for name in (checkpoints.LABEL_FILE, "metadata")], "none"),
        (lambda path: (path / "offsets" / "7").write_bytes(b""), "none"),
        (lambda path: (path / "commits" / "7").write_bytes(b"v1\n{"), "none"),
    ],
)
def test_torn_files_lose_nothing_while_the_topic_has_all(
    world: World, damage: Callable[[Folder], object], cause: str
) -> None:
    damage(world.folder())
    world.healer.prepare([LABEL, WHALES], HERE)
    assert {row[-1] for row in world.lost()} == {cause}
    assert "nothing was lost" in world.healer.recent_recoveries
    assert len(world.archived()) == 1


def test_another_cluster_changes_nothing_at_all(world: World) -> None:
    (world.folder() / "metadata").write_text("")
    (other,) = [replace(WHALES, cluster_id="cluster-b")]
    with pytest.raises(ForeignCheckpointError):
        world.healer.prepare([LABEL, other], HERE)
    assert (world.archived(), world.ledger) == ([], {})
    world.place = replace(HERE, cluster_id="cluster-b")
    assert world.healer.handle_failure(LABEL, TORN), "nor does one that the broker became meanwhile"
    assert world.archived() == []


def test_a_kill_between_any_two_steps_is_made_good_under_the_same_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(Exception):
        pass

    def kill(*_: object) -> None:
        raise KilledError

    for step in ((checkpoints, "archive_folder"), (recovery, "_mark_published")):
        with monkeypatch.context() as patch, pytest.raises(KilledError):
            patch.setattr(*step, kill)
            world.healer.handle_failure(LABEL, TORN)
        world.now += 1
    assert len(world.archived()) == 1
    assert len(world.ledger) == 2, "published, but not marked so"
    told = dict(world.ledger)
    world.fresh().prepare([LABEL, WHALES], HERE)
    assert world.ledger == told
    assert all(record.published for record in recovery.list_recoveries(world.home))


def test_the_ledger_is_told_later_where_the_broker_is_away(world: World) -> None:
    world.away = True
    assert world.healer.handle_failure(LABEL, TORN)
    assert (len(world.archived()), world.ledger) == (1, {})
    world.away = False
    world.fresh().prepare([LABEL, WHALES], HERE)
    assert [row[0] for row in world.lost()] == ["windows", "windows"]


def test_what_is_no_damage_is_only_started_again(world: World) -> None:
    assert world.healer.handle_failure(LABEL, "org.apache.kafka.common.errors.TimeoutException: Timeout expired")
    assert world.archived() == []


def test_an_error_that_comes_back_waits_longer_each_time(world: World) -> None:
    waits = []
    assert world.healer.handle_failure(LABEL, TORN)
    world.read(LABEL)
    for _ in range(8):
        begun = world.now
        while not (again := world.healer.handle_failure(LABEL, TORN)):
            assert "tried again at" in world.healer.trouble and "windows" in world.healer.trouble
            assert world.healer.handle_failure(WHALES, "OutOfMemoryError"), "the others are not held up"
            world.now += 1
            if world.now - begun > 3_000:
                break
        assert again and world.healer.trouble == ""
        world.read(LABEL)
        waits.append(world.now - begun)
    assert waits[:4] == [30, 60, 120, 240]
    assert max(waits) <= recovery.RECOVERY_BACKOFF.cap_s
    assert len(world.archived()) <= checkpoints.KEPT_ARCHIVES
    world.now += recovery.RECOVERY_BACKOFF.healthy_after_s + 1
    assert world.healer.handle_failure(LABEL, TORN), "after a time without one it is dealt with at once"


def test_what_nobody_knows_is_a_damage_once_it_has_failed_often_at_one_batch(world: World) -> None:
    strange = "java.lang.IllegalStateException: something new"
    for number in range(recovery.STUCK_FAILURES - 1):
        assert world.fresh().handle_failure(LABEL, strange)
        assert world.archived() == [], number
    read_until(world.folder(), {0: 110, 1: 50})
    (world.folder() / "commits" / "8").write_text("v1\n{}")
    (world.folder() / "offsets" / "8").write_text(f"v1\n{{}}\n{json.dumps({'raw_crypto_trades': {'0': 110}})}")
    for number in range(recovery.STUCK_FAILURES - 1):
        assert world.fresh().handle_failure(LABEL, strange)
        assert world.archived() == [], f"{number}: a batch was done between"
    assert world.fresh().handle_failure(LABEL, strange)
    assert len(world.archived()) == 1
    for _ in range(10):
        assert world.healer.handle_failure(WHALES, "java.lang.OutOfMemoryError: Java heap space")
    assert len(world.archived()) == 1, "a fresh checkpoint would fail as well"


def test_a_full_disk_leaves_the_checkpoint_where_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders, "write_json", full)
    assert world.healer.handle_failure(LABEL, TORN)
    assert world.archived() == []
    assert checkpoints.read_position(world.folder()) == {0: 100, 1: 50}

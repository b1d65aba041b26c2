from datetime import UTC, datetime

from whale_platform.broker.topics import TopicInfo
from whale_platform.contracts.stream_loss import LossRow
from whale_platform.sink.resume_offsets import TopicIdentity, plan_resume
from whale_platform.stores.stream_tables.sink_store import StoredOffset

NOW = TopicIdentity("cluster", {"t": TopicInfo("t", "id-2", 1)})


AT = datetime(2026, 11, 28, tzinfo=UTC)


def planned(stored: StoredOffset | None, low: int, high: int) -> tuple[int, list[LossRow], bool]:
    found = plan_resume({} if stored is None else {("t", 0): stored}, NOW, lambda topic, partition: (low, high), AT)
    assert [note for note in found.notes if "lost" in note] == [loss.detail for loss in found.losses]
    return found.offsets["t", 0], [loss._replace(detail="") for loss in found.losses], ("t", 0) in found.changed


def lost(topic_id: str, first: int, last: int | None, cause: str) -> list[LossRow]:
    return [LossRow("sink", "t", 0, topic_id, first, last, cause, "", AT)]


def test_the_first_start_is_at_the_earliest() -> None:
    assert planned(None, 3, 9) == (3, [], True)


def test_the_stored_place_goes_on_even_at_either_end() -> None:
    for place in (3, 5, 9):
        assert planned(StoredOffset(place, "id-2", "cluster"), 3, 9) == (place, [], False)


def test_a_recreated_topic_is_read_from_its_beginning() -> None:
    assert planned(StoredOffset(5, "id-1", "cluster"), 0, 9) == (0, lost("id-1", 5, None, "recreated"), True)


def test_expired_offsets_are_an_exact_loss() -> None:
    assert planned(StoredOffset(1, "id-2", "cluster"), 3, 9) == (3, lost("id-2", 1, 2, "expired"), True)


def test_a_log_that_lost_its_end_is_read_again_from_its_beginning() -> None:
    assert planned(StoredOffset(12, "id-2", "cluster"), 3, 9) == (3, lost("id-2", 9, 11, "truncated"), True)


def test_every_partition_has_a_place() -> None:
    two = TopicIdentity("cluster", {"t": TopicInfo("t", "id-2", 2)})
    found = plan_resume({("t", 0): StoredOffset(5, "id-2", "cluster")}, two, lambda topic, partition: (0, 9), AT)
    assert found.offsets == {("t", 0): 5, ("t", 1): 0}
    assert list(found.changed) == [("t", 1)]
    assert len(found.notes) == 1

from whale_platform.broker.topics import TopicInfo
from whale_platform.sink.places import Identity, plan
from whale_platform.stores.sinkstore import Loss, Place

NOW = Identity("cluster", {"t": TopicInfo("t", "id-2", 1)})


def planned(stored: Place | None, low: int, high: int) -> tuple[int, list[Loss], bool]:
    found = plan({} if stored is None else {("t", 0): stored}, NOW, lambda topic, partition: (low, high))
    return found.places["t", 0], found.losses, ("t", 0) in found.changed


def test_the_first_start_is_at_the_earliest() -> None:
    assert planned(None, 3, 9) == (3, [], True)


def test_the_stored_place_goes_on_even_at_either_end() -> None:
    for place in (3, 5, 9):
        assert planned(Place(place, "id-2", "cluster"), 3, 9) == (place, [], False)


def test_a_recreated_topic_is_read_from_its_beginning() -> None:
    assert planned(Place(5, "id-1", "cluster"), 0, 9) == (0, [], True)


def test_expired_offsets_are_an_exact_loss() -> None:
    assert planned(Place(1, "id-2", "cluster"), 3, 9) == (3, [Loss("t", 0, "id-2", 1, 2, "expired")], True)


def test_a_log_that_lost_its_end_is_read_again_from_its_beginning() -> None:
    assert planned(Place(12, "id-2", "cluster"), 3, 9) == (3, [Loss("t", 0, "id-2", 9, 11, "truncated")], True)


def test_every_partition_has_a_place() -> None:
    two = Identity("cluster", {"t": TopicInfo("t", "id-2", 2)})
    found = plan({("t", 0): Place(5, "id-2", "cluster")}, two, lambda topic, partition: (0, 9))
    assert found.places == {("t", 0): 5, ("t", 1): 0}
    assert list(found.changed) == [("t", 1)]
    assert len(found.notes) == 1

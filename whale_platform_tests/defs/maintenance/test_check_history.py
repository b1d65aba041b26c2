"""Old evaluations of checks on Dagster's real storage: they go, and what Dagster shows of each check stays."""

import dagster as dg

from whale_platform_tests.defs.maintenance.test_events import clean
from whale_platform_tests.support.postgres_server import query

KEY = dg.AssetKey(["table", "whale_alerts"])


@dg.asset_check(asset=KEY)
def whales_are_large() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"which": dg.MetadataValue.md("a table")})


def evaluate(instance: dg.DagsterInstance, storage: str, days_ago: int) -> None:
    """One evaluation, some days ago."""
    (last,) = query(storage, "SELECT coalesce(max(id), 0) FROM asset_check_executions")[0]
    only = dg.AssetSelection.checks(whales_are_large)
    run = dg.materialize([whales_are_large], instance=instance, selection=only).run_id
    for table, column, condition in (
        ("asset_check_executions", "evaluation_event_timestamp", f"id > {last}"),
        ("event_logs", "timestamp", f"run_id = '{run}'"),
    ):
        query(storage, f"UPDATE {table} SET {column} = {column} - interval '{days_ago} days' WHERE {condition}")


def read_history(instance: dg.DagsterInstance) -> list[str]:
    """The states of the evaluations that Dagster knows, newest first."""
    check = whales_are_large.check_key
    return [one.status.value for one in instance.event_log_storage.get_asset_check_execution_history(check, limit=50)]


def count_events(storage: str) -> int:
    """Events of evaluations, planned ones among them."""
    kinds = "dagster_event_type LIKE 'ASSET_CHECK_EVALUATION%%'"
    return int(query(storage, f"SELECT count(*) FROM event_logs WHERE {kinds}")[0][0])


def test_old_evaluations_go_with_their_events_and_the_newest_stays(instance: dg.DagsterInstance, storage: str) -> None:
    for days_ago in (12, 10, 6, 3):
        evaluate(instance, storage, days_ago)
    assert (len(read_history(instance)), count_events(storage)) == (4, 8)
    assert clean(instance, dry_run=True)["evaluations"] == 2
    assert len(read_history(instance)) == 4, "a dry run deletes nothing"
    assert clean(instance, dry_run=False)["evaluations"] == 2
    assert (len(read_history(instance)), count_events(storage)) == (2, 4)
    query(storage, "UPDATE asset_check_executions SET evaluation_event_timestamp = now() - interval '30 days'")
    assert clean(instance, dry_run=False)["evaluations"] == 1
    assert read_history(instance) == ["SUCCEEDED"], "the only one, however old"
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key([whales_are_large.check_key])
    event = records[whales_are_large.check_key].event
    assert event is not None and event.asset_check_evaluation is not None and event.asset_check_evaluation.passed


def test_a_newer_evaluation_without_a_result_does_not_replace_the_last_result(
    instance: dg.DagsterInstance, storage: str
) -> None:
    for days_ago in (12, 10, 9):
        evaluate(instance, storage, days_ago)
    query(storage, "UPDATE asset_check_executions SET execution_status = 'PLANNED' WHERE id IN (1, 3)")
    assert clean(instance, dry_run=False)["evaluations"] == 1, "what was planned and never done"
    assert query(storage, "SELECT id, execution_status FROM asset_check_executions ORDER BY id") == [
        (2, "SUCCEEDED"),
        (3, "PLANNED"),
    ]

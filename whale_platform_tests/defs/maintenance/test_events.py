"""Old events on Dagster's real storage: how many go, and that nothing which states are read from does."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.defs.maintenance.events import StoredEvent, find_redundant_events, find_replaced
from whale_platform.defs.maintenance.jobs import dagster_housekeeping
from whale_platform.defs.recompute.jobs import late_trades
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform_tests.support.postgres_server import query

RAW, ALERTS = dg.AssetKey(["topic", "raw_crypto_trades"]), dg.AssetKey(["table", "whale_alerts"])
NOW = datetime(2026, 11, 28, 12)
DAYS = dg.DailyPartitionsDefinition("2026-01-01")


@dg.asset(partitions_def=DAYS)
def rolled_up(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    context.log.info("rolled up")
    picture = dg.MetadataValue.md("![x](data:image/png;base64,AAAA)")
    return dg.MaterializeResult(metadata={"trades": 7, "report": dg.MetadataValue.md("a table"), "picture": picture})


def age(storage: str, which: str, by: timedelta) -> None:
    """Let time pass over some events."""
    query(storage, f"UPDATE event_logs SET timestamp = timestamp - interval '{by.total_seconds()} s' WHERE {which}")


def make(instance: dg.DagsterInstance, storage: str, day: str, by: timedelta) -> str:
    """A run that made a partition, some time ago."""
    run_id = dg.materialize([rolled_up], instance=instance, partition_key=day).run_id
    age(storage, f"run_id = '{run_id}'", by)
    return run_id


def report(instance: dg.DagsterInstance, storage: str, key: dg.AssetKey, ago: timedelta) -> None:
    """What the health sensor reports, some time ago."""
    (last,) = query(storage, "SELECT coalesce(max(id), 0) FROM event_logs")[0]
    instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata={"at": 1}))
    hour = datetime.now(UTC).replace(minute=5, second=0, microsecond=0, tzinfo=None)
    query(storage, f"UPDATE event_logs SET timestamp = '{hour - ago}' WHERE id > {last}")


def clean(instance: dg.DagsterInstance, dry_run: bool) -> dict[str, object]:
    config = {"ops": {"delete_old_runs": {"config": {"days": 7, "keep": 1, "dry_run": dry_run}}}}
    done = dagster_housekeeping.execute_in_process(
        instance=instance, run_config=config, resources={"platform": PlatformSettings(home="/nowhere")}
    )
    output = next(e for e in done.events_for_node("delete_old_runs") if e.event_type_value == "STEP_OUTPUT")
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def test_old_events_go_and_what_states_are_read_from_stays(instance: dg.DagsterInstance, storage: str) -> None:
    minutes, hours, days = (timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
    for ago in (9 * days, 9 * days - 5 * minutes, 3 * days, 3 * days - 5 * minutes, 3 * days - hours, hours, 0 * hours):
        report(instance, storage, RAW, ago)
    report(instance, storage, ALERTS, 30 * days)
    first = make(instance, storage, "2026-01-01", 9 * days)
    second = make(instance, storage, "2026-01-01", 8 * days)
    make(instance, storage, "2026-01-02", 8 * days)
    fresh = make(instance, storage, "2026-01-03", hours)
    unfinished = instance.create_run_for_job(late_trades)
    instance.report_engine_event("at work", unfinished)
    age(storage, f"run_id = '{unfinished.run_id}'", 20 * days)

    def count(which: str) -> int:
        return int(query(storage, f"SELECT count(*) FROM event_logs WHERE {which}")[0][0])

    logs = "run_id <> '' AND (dagster_event_type IS NULL OR dagster_event_type LIKE 'STEP%%')"
    ours, everything = f"{logs} AND run_id IN ('{first}', '{second}')", count("true")
    assert count(ours) >= 8
    planned = clean(instance, dry_run=True)
    assert "events: logs of old runs" in str(planned["plan"])
    assert count("true") > everything, "a dry run only adds its own"
    done = clean(instance, dry_run=False)
    assert done["events"] == planned["events"], "what the dry run counted"

    assert count("run_id = ''") == 8 - 3, "two of nine days ago, one of two within an hour"
    assert count(f"asset_key = '{ALERTS.to_string()}'") == 1, "the only one it has"
    assert count(ours) == 0 and count(f"{logs} AND run_id = '{fresh}'") > 0
    assert count(f"run_id = '{unfinished.run_id}'") == 1
    assert count(f"run_id = '{first}' AND dagster_event_type = 'ASSET_MATERIALIZATION'") == 0
    assert instance.get_materialized_partitions(rolled_up.key) == {f"2026-01-0{day}" for day in (1, 2, 3)}
    latest = instance.get_latest_materialization_event(rolled_up.key)
    assert latest is not None and latest.run_id == fresh
    assert {run.run_id for run in instance.get_runs()} >= {first, second, fresh, unfinished.run_id}
    told = {
        record.partition_key: set(record.asset_materialization.metadata)
        for record in instance.fetch_materializations(rolled_up.key, limit=10).records
        if record.asset_materialization is not None
    }
    everything_told = {"trades", "report", "picture"}
    assert told == {"2026-01-01": {"trades"}, "2026-01-02": {"trades"}, "2026-01-03": everything_told}
    stats = instance.get_run_stats(second)
    assert (stats.materializations, stats.start_time is None, stats.end_time is None) == (1, False, False)
    assert clean(instance, dry_run=True)["events"] == 0, "the second night finds nothing"

    late = f"pipeline_name = '{late_trades.name}'"
    made, plain, last = (instance.create_run_for_job(late_trades) for _ in range(3))
    partition = dg.AssetMaterialization(rolled_up.key, partition="2026-01-04")
    event = dg.DagsterEvent(
        dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        late_trades.name,
        event_specific_data=dg._core.events.StepMaterializationData(partition),
    )
    instance.report_dagster_event(event, made.run_id)
    for run in (made, plain, last):
        instance.report_run_failed(run, "in a test")
    query(storage, f"UPDATE runs SET create_timestamp = create_timestamp - interval '9 days' WHERE {late}")
    assert clean(instance, dry_run=False)["runs"] == 1
    left = {run.run_id for run in instance.get_runs(dg.RunsFilter(job_name=late_trades.name))}
    assert left == {made.run_id, last.run_id, unfinished.run_id}


events = st.lists(
    st.builds(
        StoredEvent,
        st.just(0),
        st.sampled_from("ab"),
        st.sampled_from([None, "p"]),
        st.integers(0, 20_000).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    ),
    max_size=60,
).map(lambda found: [one._replace(id=n) for n, one in enumerate(sorted(found, key=lambda one: one.time), 1)])


@given(events)
def test_the_newest_always_stays_and_what_is_young_too(found: list[StoredEvent]) -> None:
    fine, before = NOW - timedelta(days=1), NOW - timedelta(days=7)
    for going, oldest in ((find_redundant_events(found, fine, before), fine), (find_replaced(found, before), before)):
        left = [one for one in found if one.id not in set(going)]
        assert {one.asset for one in left} == {one.asset for one in found}
        assert all(one.time < oldest for one in found if one.id in set(going))
    thin = [
        one
        for one in found
        if one.id not in set(find_redundant_events(found, fine, before)) and before <= one.time < fine
    ]
    hours = {(one.asset, one.time.replace(minute=0)) for one in thin}
    assert len(thin) <= len(hours) + len({one.asset for one in found}), "one an hour, and the newest"

"""The checkpoint reset: what it would archive is its default; done with `dry_run: false`, then a restart."""

import dagster as dg
from pydantic import Field

from whale_platform.defs.shared.confirmation import DeletionConfig, explain_unconfirmed, is_confirmed
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.domain.deletion_limits import UnconfirmedDeletionError
from whale_platform.reports.tables import render_table
from whale_platform.storage.folders import relative_text
from whale_platform.stream.query import checkpoints
from whale_platform.supervision.control import desired_state
from whale_platform.supervision.control.state_files import request_restart
from whale_platform.supervision.errors import LeaseRefusedError
from whale_platform.supervision.runtime.lease import find_lease_holder


class CheckpointResetConfig(DeletionConfig):
    """What the launchpad asks for."""

    query: str = Field("all", description="windows, whales, lake or all.")


@dg.op
def reset_checkpoint(context: dg.OpExecutionContext, config: CheckpointResetConfig, platform: PlatformSettings) -> None:
    """Archives the query's checkpoint and starts the stream: the topic is read again, rows are only ever upserted."""
    home, root = platform.folder, platform.read().stream_home
    try:
        found = [checkpoints.inspect_checkpoint(path) for path in checkpoints.list_live_folders(root, config.query)]
    except ValueError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    rows = [(relative_text(one.path, root), one.batch, f"{one.size / 1e6:.1f} MB") for one in found]
    pid = find_lease_holder(home, "stream")
    text = render_table(("checkpoint", "last batch", "size"), rows) if rows else "No checkpoint to archive."
    if pid is not None:
        text += f"\n\nThe stream runs as pid {pid}: while it does, a reset is refused. Launch `stream_stop` first."
    context.log.info(text)
    context.add_output_metadata({"plan": dg.MetadataValue.md(text)})
    sure = is_confirmed(config, platform)
    if config.dry_run:
        return
    if not sure:
        with explain_unconfirmed(platform):
            raise UnconfirmedDeletionError(
                "a reset makes the stream read the whole topic again, which has to be confirmed"
            )
    try:
        moved = checkpoints.archive_under_lease(home, root, config.query)
    except LeaseRefusedError as refused:
        raise dg.Failure(
            f"{refused}: launch `stream_stop` first, then this again; it starts the stream", allow_retries=False
        ) from None
    desired_state.write_desired_state(home, "stream", True, f"run {context.run_id}")
    request_restart(home, "stream")
    context.add_output_metadata({"archived": [str(path) for path in moved]})

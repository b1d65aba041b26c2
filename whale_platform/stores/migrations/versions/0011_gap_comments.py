"""The comments of table `ingest_gaps` with every value that its columns have.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision, down_revision = "0011", "0010"

COMMENTS = {
    "TABLE ingest_gaps": "gaps in an exchange''s trade ids, from topic ingest_gaps; all ids were missing when found",
    "COLUMN ingest_gaps.first_id": "the first missing id",
    "COLUMN ingest_gaps.last_id": "the last missing id",
    "COLUMN ingest_gaps.cause": "restart (of the ingester), reconnect, stream (a frame was missing) or epoch (the "
    "exchange restarted its ids)",
    "COLUMN ingest_gaps.mode": "inline: later trades wait until it is filled; background: it is filled below them",
    "COLUMN ingest_gaps.state": "open; repaired: every id was published; exchange_gap: the exchange''s history lacks "
    "the ids that were not; unrepaired: some are quarantined, or history does not reach them",
    "COLUMN ingest_gaps.closed_time": "when it was closed; null while it is open",
    "COLUMN ingest_gaps.filled": "ids of it that were published so far, from history or late from the stream",
    "COLUMN ingest_gaps.progress_id": "the next id to look for: below it each id is published or accounted for",
    "COLUMN ingest_gaps.detail": "which ids were not published and why, for a person",
}


def upgrade() -> None:
    """Write the comments."""
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")

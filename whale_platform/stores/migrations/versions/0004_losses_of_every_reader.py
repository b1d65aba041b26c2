"""`stream_losses` holds what every reader of a topic lost, not the sink alone: the stream's queries tell theirs too.

A recreated topic took with it nobody knows how much, so the last offset may be unknown; a checkpoint that was damaged
while the topic still had everything has lost nothing, which is worth a row as well: the last offset is then one less
than the first.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COMMENTS = {
    "TABLE stream_losses": "what each reader of a topic could not read any more, by partition: offsets, both ends lost",
    "COLUMN stream_losses.reader": "sink, or the query of the stream: windows, whales, lake",
    "COLUMN stream_losses.first_offset": "the first one lost; where none is lost, where reading goes on",
    "COLUMN stream_losses.last_offset": "the last one lost; first_offset - 1: none is lost; null: nobody knows",
    "COLUMN stream_losses.cause": "expired: retention passed the reader; truncated: the broker lost the end of its "
    "log; recreated: the topic was deleted and made again; gone: the partition was lost; none: nothing is lost, the "
    "topic is read again",
    "COLUMN stream_losses.detail": "what happened to the reader",
}


def upgrade() -> None:
    """Add who lost it and why; the key takes in the time, because one reader may lose nothing twice."""
    op.execute(
        "ALTER TABLE stream_losses ADD COLUMN reader text NOT NULL DEFAULT 'sink',"
        " ADD COLUMN detail text NOT NULL DEFAULT '', ALTER COLUMN last_offset DROP NOT NULL,"
        " DROP CONSTRAINT stream_losses_pkey, DROP CONSTRAINT stream_losses_cause_check,"
        " ADD PRIMARY KEY (reader, topic, partition, topic_id, found_at)"
    )
    op.execute("ALTER TABLE stream_losses ALTER COLUMN reader DROP DEFAULT, ALTER COLUMN detail DROP DEFAULT")
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")

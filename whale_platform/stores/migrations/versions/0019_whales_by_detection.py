"""An index for whales in the order of their detection: what a client missed that was disconnected for long.

Without it all whales are read and sorted, at each of its questions.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision, down_revision = "0019", "0018"


def upgrade() -> None:
    """Create the index."""
    op.execute("CREATE INDEX whale_alerts_by_detection ON whale_alerts (detected_time)")

"""An index for whales of one symbol by time: the API's newest whale of each and its pages.

Without it a symbol that has few whales, or none, is looked for through all the others'.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    op.execute("CREATE INDEX whale_alerts_by_symbol ON whale_alerts (symbol, exchange, event_time, trade_id)")

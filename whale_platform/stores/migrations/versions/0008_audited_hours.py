"""Which hours were audited, so that none is left out, also where nothing was running when its turn came.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision, down_revision = "0008", "0007"

TABLE = """
CREATE TABLE audited_hours (
    hour timestamptz PRIMARY KEY CHECK (mod(extract(epoch FROM hour), 3600) = 0),
    passed boolean NOT NULL,
    trades bigint NOT NULL,
    detail text NOT NULL,
    code_version text NOT NULL,
    audited_at timestamptz NOT NULL DEFAULT now()
)
"""

COMMENTS = {
    "TABLE audited_hours": "hours (UTC) that `whale audit` or the check every_trade_everywhere has reconciled",
    "COLUMN audited_hours.passed": "whether nothing was wrong when it was last audited",
    "COLUMN audited_hours.trades": "the most trades that any place had, over all symbols",
    "COLUMN audited_hours.detail": "what was wrong, the first of it",
}


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")

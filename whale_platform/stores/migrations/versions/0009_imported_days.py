"""Which days were imported, so that retention lets them be: nobody imports years to have them for a week.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision, down_revision = "0009", "0008"

TABLE = """
CREATE TABLE imported_days (
    day date PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT now()
)
"""

COMMENTS = {
    "TABLE imported_days": "days (UTC) with windows made of trades that the lake has from an import alone",
    "COLUMN imported_days.recorded_at": "when the first of them was made",
}


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")

"""The currencies of each symbol beside it, and how they are counted in dollars: nobody cuts a name to learn them.

Null in rows from before: `stores/stream_tables/missing_currencies.py` fills them where they can be known, found by the
index, which is empty then.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision, down_revision = "0006", "0005"

TABLES = ("trade_windows", "whale_alerts", "hourly_rollups")
COMMENTS = {
    "base": "base currency, as the exchange states it; null: made before that was stored, and not known since",
    "quote": "quote currency, likewise",
    "usd_via": "how an amount in the quote currency becomes US dollars: USD, peg:… (a coin at one dollar); null: not",
}


def upgrade() -> None:
    """Add the columns of the currencies."""
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ADD COLUMN base text, ADD COLUMN quote text, ADD COLUMN usd_via text")
        for column, comment in COMMENTS.items():
            op.execute(f"COMMENT ON COLUMN {table}.{column} IS '{comment}'")
        op.execute(f"CREATE INDEX {table}_without_quote ON {table} (exchange, symbol) WHERE quote IS NULL")

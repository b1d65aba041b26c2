"""The prices around each whale, as the lake has them: for reports and pages, by one definition
(lake/analysis/trade_prices.py).

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision, down_revision = "0010", "0009"

TABLE = """
CREATE TABLE whale_prices (
    exchange text NOT NULL,
    symbol text NOT NULL,
    trade_id bigint NOT NULL,
    before numeric,
    after_1 numeric,
    after_5 numeric,
    after_15 numeric,
    run_id text NOT NULL,
    code_version text NOT NULL,
    materialised_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, trade_id)
)
"""

COMMENTS = {
    "TABLE whale_prices": "quote currency: prices around each whale, to the microsecond, as the lake has them",
    "COLUMN whale_prices.before": "of the trade before it, where that is not older than a quarter of an hour",
    "COLUMN whale_prices.after_1": "of the last trade up to a minute after it; null until the lake has a later one",
    "COLUMN whale_prices.after_5": "the same after five minutes",
    "COLUMN whale_prices.after_15": "the same after fifteen minutes",
}


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")

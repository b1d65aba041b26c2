"""Each minute's dollars by the size of the orders that moved them, as the lake has them (lake/analysis/size_bands.py).

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision, down_revision = "0016", "0015"

TABLE = """
CREATE TABLE size_bands (
    exchange text NOT NULL,
    symbol text NOT NULL,
    window_start timestamptz NOT NULL,
    trades bigint NOT NULL,
    unvalued_trades bigint NOT NULL,
    buy_usd numeric[],
    sell_usd numeric[],
    buy_orders bigint[],
    sell_orders bigint[],
    run_id text NOT NULL,
    code_version text NOT NULL,
    materialised_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, window_start)
);
CREATE INDEX size_bands_by_time ON size_bands (window_start);
CREATE TABLE size_band_minutes (
    window_start timestamptz PRIMARY KEY,
    lake_rows bigint NOT NULL
);
"""

COMMENTS = {
    "TABLE size_bands": "each minute by the size of its taker orders, as the lake has them; arrays of five numbers, of "
    "orders below 1,000 dollars, below 10,000, below 100,000, below a million, and larger ones",
    "COLUMN size_bands.window_start": "the full minute, by event time",
    "COLUMN size_bands.trades": "all trades of the minute that the lake had, without blocks; fewer than the window has "
    "where more have come since",
    "COLUMN size_bands.unvalued_trades": "those of them without a dollar value, which are in no band",
    "COLUMN size_bands.buy_usd": "US dollars of orders that bought, exact; null where no trade had a dollar value, as "
    "all four arrays then are",
    "COLUMN size_bands.sell_usd": "US dollars of orders that sold; bought minus sold is the volume delta",
    "COLUMN size_bands.buy_orders": "how many orders bought",
    "COLUMN size_bands.sell_orders": "how many orders sold",
    "TABLE size_band_minutes": "the minutes of all markets together that size_bands were made of",
    "COLUMN size_band_minutes.window_start": "the full minute, by event time",
    "COLUMN size_band_minutes.lake_rows": "the rows that the lake had of it, blocks and trades that it had twice "
    "included: where an hour has as many now there is nothing to compute",
}


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")

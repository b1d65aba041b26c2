"""The asset tables: hourly rollups and whale reports; and who set a threshold.

A row of an asset table says what it was made from (`stream_trades`, `stream_updated_at`: what the stream table held
then), by which run and which code, so that an hour whose stream rows have changed since is found by comparing.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE hourly_rollups (
    exchange text NOT NULL,
    symbol text NOT NULL,
    hour timestamptz NOT NULL CHECK (mod(extract(epoch FROM hour), 3600) = 0),
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    vwap numeric NOT NULL,
    volume numeric NOT NULL CHECK (volume > 0),
    notional numeric NOT NULL CHECK (notional > 0),
    buy_volume numeric NOT NULL CHECK (buy_volume >= 0),
    sell_volume numeric NOT NULL CHECK (sell_volume >= 0),
    buy_share numeric GENERATED ALWAYS AS (round(buy_volume / volume, 9)) STORED,
    realised_volatility double precision NOT NULL,
    trade_count bigint NOT NULL CHECK (trade_count > 0),
    minutes integer NOT NULL CHECK (minutes BETWEEN 1 AND 60),
    first_trade_id bigint NOT NULL,
    last_trade_id bigint NOT NULL,
    stream_updated_at timestamptz NOT NULL,
    run_id text NOT NULL,
    code_version text NOT NULL,
    materialised_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, hour)
);
CREATE INDEX hourly_rollups_hour ON hourly_rollups (hour);

CREATE TABLE whale_reports (
    exchange text NOT NULL,
    symbol text NOT NULL,
    hour timestamptz NOT NULL CHECK (mod(extract(epoch FROM hour), 3600) = 0),
    whales bigint NOT NULL CHECK (whales >= 0),
    notional_usd numeric NOT NULL,
    buy_usd numeric NOT NULL,
    sell_usd numeric NOT NULL,
    net_flow_usd numeric GENERATED ALWAYS AS (trim_scale(buy_usd - sell_usd)) STORED,
    market_notional numeric NOT NULL CHECK (market_notional > 0),
    share numeric GENERATED ALWAYS AS (round(notional_usd / market_notional, 9)) STORED,
    largest jsonb NOT NULL,
    complete boolean NOT NULL,
    stream_trades bigint NOT NULL,
    stream_updated_at timestamptz NOT NULL,
    run_id text NOT NULL,
    code_version text NOT NULL,
    materialised_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, hour)
);
CREATE INDEX whale_reports_hour ON whale_reports (hour);

ALTER TABLE whale_thresholds ADD COLUMN origin text NOT NULL DEFAULT 'set' CHECK (origin IN ('set', 'suggested'));
"""

COMMENTS = {
    "hourly_rollups": {
        "": "hours of trades by event time (UTC), made from trade_windows by the Dagster asset of this name",
        "hour": "first instant of the hour",
        "vwap": "notional / volume, rounded to 18 decimals",
        "buy_share": "buy_volume / volume: 1 where every taker bought",
        "realised_volatility": "root of the sum of squared log changes of the minutes' closes; of the hour, not a year",
        "minutes": "1-minute windows with trades",
        "stream_updated_at": "newest window state that it was made from",
        "run_id": "Dagster run that made it",
    },
    "whale_reports": {
        "": "whales of an hour by exchange and symbol (UTC); a row for every symbol that traded, whales or none",
        "net_flow_usd": "dollars bought by whale takers minus dollars sold by them",
        "market_notional": "notional of all trades of the symbol in the hour, quote currency",
        "share": "notional_usd / market_notional",
        "largest": "up to ten largest alerts: trade_id, side, event_time, notional_usd, price, and the close before and"
        " 1, 5 and 15 minutes after its minute; null where the stream had not come so far",
        "complete": "whether the stream had come 16 minutes past the hour, where the last prices after a whale lie",
        "stream_trades": "trades in the windows that it was made from: 15 minutes before the hour to 16 after it",
        "stream_updated_at": "newest window state that it was made from",
        "run_id": "Dagster run that made it",
    },
    "whale_thresholds": {"origin": "set: by a person, never changed by the platform; suggested: by the Dagster asset"},
}


def upgrade() -> None:
    """Create the asset tables."""
    op.execute(TABLES)
    for table, comments in COMMENTS.items():
        for column, comment in comments.items():
            what = f"COLUMN {table}.{column}" if column else f"TABLE {table}"
            op.execute(f"COMMENT ON {what} IS '{comment.replace(chr(39), chr(39) * 2)}'")

"""Clusters: large orders of one base and side on several exchanges within seconds, with their false-discovery rate.

Computed from the lake, which the API does not read. Members are JSON: they are read with their cluster, or it by one of
them, for which the index is.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision, down_revision = "0017", "0016"

TABLE = """
CREATE TABLE whale_clusters (
    exchange text NOT NULL,
    symbol text NOT NULL,
    trade_id bigint NOT NULL,
    base text NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    event_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL CHECK (last_time >= event_time),
    orders integer NOT NULL CHECK (orders >= exchanges),
    exchanges integer NOT NULL CHECK (exchanges > 1),
    spot_usd numeric,
    perpetual_usd numeric,
    members jsonb NOT NULL,
    score double precision NOT NULL,
    chance double precision NOT NULL CHECK (chance BETWEEN 0 AND 1),
    false_discovery_rate double precision NOT NULL CHECK (false_discovery_rate BETWEEN 0 AND 1),
    run_id text NOT NULL,
    code_version text NOT NULL,
    materialised_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, trade_id)
);
CREATE INDEX whale_clusters_by_time ON whale_clusters (event_time, exchange, symbol, trade_id);
CREATE INDEX whale_clusters_by_member ON whale_clusters USING gin (members jsonb_path_ops);
"""

COMMENTS = {
    "TABLE whale_clusters": "whales of one base and side on several exchanges within seconds; whoever computes an hour "
    "replaces its clusters",
    "COLUMN whale_clusters.exchange": "of the first member, by which a cluster is known",
    "COLUMN whale_clusters.symbol": "of the first member",
    "COLUMN whale_clusters.trade_id": "of the first member; of a sweep that of its first fill",
    "COLUMN whale_clusters.event_time": "exchange''s trade time of the first member",
    "COLUMN whale_clusters.last_time": "of the last member",
    "COLUMN whale_clusters.orders": "members: sweeps, and single trades that are part of none",
    "COLUMN whale_clusters.exchanges": "on how many exchanges they are",
    "COLUMN whale_clusters.spot_usd": "US dollars of the members on spot markets; null where there is none. Dollars of "
    "spot and of perpetuals are never added up",
    "COLUMN whale_clusters.perpetual_usd": "likewise of those on markets of perpetuals",
    "COLUMN whale_clusters.members": "each with exchange, symbol, market_kind, kind, trade_id, event_time and "
    "notional_usd, by time",
    "COLUMN whale_clusters.score": "how unlikely it is that orders follow so soon, as a sum of logarithms",
    "COLUMN whale_clusters.chance": "share of orders at shuffled times that score as much",
    "COLUMN whale_clusters.false_discovery_rate": "expected share of false ones among the clusters of the hour with "
    "this score or a better one (Benjamini-Hochberg)",
}


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")

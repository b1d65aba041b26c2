"""Sweeps and blocks beside single trades: what a sweep consists of, whales as orders, and reports by kind.

`vwap` and `slippage_bps` are generated: the table is not partitioned, and writing a million whales again takes some
seconds. Rows from before have no notional and no fills, so theirs are null.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision, down_revision = "0012", "0011"

TABLES = """
ALTER TABLE whale_alerts
    ADD COLUMN notional numeric CHECK (notional > 0),
    ADD COLUMN usd_rate numeric CHECK (usd_rate > 0),
    ADD COLUMN fills bigint,
    ADD COLUMN levels bigint,
    ADD COLUMN first_price numeric CHECK (first_price > 0),
    ADD COLUMN last_trade_id bigint,
    ADD COLUMN sweep_first_id bigint,
    ADD COLUMN overruled_fills bigint NOT NULL DEFAULT 0,
    ADD COLUMN vwap numeric GENERATED ALWAYS AS (trim_scale(round(notional::numeric(100, 60) / quantity, 18))) STORED,
    ADD COLUMN slippage_bps numeric GENERATED ALWAYS AS (trim_scale(round(
        CASE side WHEN 'buy' THEN 10000 ELSE -10000 END * (price - first_price)::numeric(100, 60) / first_price, 6
    ))) STORED,
    ADD CONSTRAINT whale_alerts_sweep_is_complete CHECK (kind <> 'sweep' OR (
        coalesce(fills, 0) > 1 AND coalesce(levels, 0) BETWEEN 1 AND fills AND last_trade_id IS NOT NULL
        AND first_price IS NOT NULL AND notional IS NOT NULL));

CREATE VIEW whale_orders AS SELECT * FROM whale_alerts whale WHERE NOT EXISTS (
    SELECT FROM whale_alerts sweep WHERE whale.kind = 'single_trade' AND sweep.kind = 'sweep'
        AND (sweep.exchange, sweep.symbol) = (whale.exchange, whale.symbol)
        AND sweep.trade_id = coalesce(whale.sweep_first_id, whale.trade_id));

ALTER TABLE whales_taken_back
    ADD COLUMN fills bigint,
    ADD COLUMN levels bigint,
    ADD COLUMN first_price numeric,
    ADD COLUMN last_trade_id bigint;

ALTER TABLE whale_prices ADD COLUMN kind text NOT NULL DEFAULT 'single_trade';
ALTER TABLE whale_prices ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE whale_prices DROP CONSTRAINT whale_prices_pkey;
ALTER TABLE whale_prices ADD PRIMARY KEY (exchange, symbol, kind, trade_id);

ALTER TABLE whale_reports
    ADD COLUMN sweeps bigint NOT NULL DEFAULT 0 CHECK (sweeps >= 0),
    ADD COLUMN blocks bigint NOT NULL DEFAULT 0 CHECK (blocks >= 0),
    ADD COLUMN single_trades bigint GENERATED ALWAYS AS (whales - sweeps - blocks) STORED,
    ADD COLUMN whale_notional numeric;
UPDATE whale_reports SET whale_notional = notional_usd;
ALTER TABLE whale_reports ALTER COLUMN whale_notional SET NOT NULL, DROP COLUMN share;
ALTER TABLE whale_reports
    ADD COLUMN share numeric GENERATED ALWAYS AS (round(whale_notional / market_notional, 9)) STORED;
"""

COMMENTS = {
    "TABLE whale_alerts": "whales: single trades over the dollar threshold of their market, sweeps and blocks, from "
    "topic whale_alerts; the first detection stays, and a sweep grows with its fills",
    "COLUMN whale_alerts.kind": "single_trade: one fill over the threshold; sweep: all fills of one taker order "
    "together; block: a trade that the exchange calls a block, with ids of their own",
    "COLUMN whale_alerts.trade_id": "the exchange''s id of the trade; of a sweep that of its first fill",
    "COLUMN whale_alerts.price": "quote currency for one base unit; of a sweep that of its newest fill",
    "COLUMN whale_alerts.quantity": "base units; of a sweep the sum over its fills",
    "COLUMN whale_alerts.notional_usd": "price x quantity in US dollars; of a sweep the sum over its fills",
    "COLUMN whale_alerts.event_time": "exchange''s trade time; all fills of a sweep have the same",
    "COLUMN whale_alerts.received_time": "when the frame reached us; of a sweep that of its newest fill",
    "COLUMN whale_alerts.detected_time": "when the stream emitted this state (Kafka timestamp): it moves with a sweep",
    "COLUMN whale_alerts.notional": "quote currency; null: stored before that was told",
    "COLUMN whale_alerts.usd_via": "how notional becomes US dollars: USD, peg:… (a coin at one dollar), or the pair "
    "whose price is usd_rate, as exchange:symbol",
    "COLUMN whale_alerts.usd_rate": "US dollars for one unit of the quote currency, of a sweep for its newest fill; "
    "null: one",
    "COLUMN whale_alerts.fills": "of a sweep: how many so far",
    "COLUMN whale_alerts.levels": "of a sweep: how often its price has changed, plus one",
    "COLUMN whale_alerts.first_price": "of a sweep: that of its first fill, quote currency",
    "COLUMN whale_alerts.last_trade_id": "of a sweep: the id of its newest fill",
    "COLUMN whale_alerts.sweep_first_id": "of a single trade that continues its order: the first trade id of that "
    "order, which is trade_id of its sweep; null where it is the first fill itself",
    "COLUMN whale_alerts.overruled_fills": "fills that the stream had when the lake overruled it, else 0: the stream "
    "changes the row again only with more",
    "COLUMN whale_alerts.vwap": "notional / quantity, quote currency, rounded to 18 decimals",
    "COLUMN whale_alerts.slippage_bps": "of a sweep: how far it moved the price against itself, from first_price to "
    "price, in hundredths of a per cent of first_price",
    "VIEW whale_orders": "whale_alerts with each order once: without the single trades that are fills of a sweep",
    "COLUMN whales_taken_back.fills": "of a sweep",
    "COLUMN whales_taken_back.levels": "of a sweep",
    "COLUMN whales_taken_back.first_price": "of a sweep: that of its first fill",
    "COLUMN whales_taken_back.last_trade_id": "of a sweep: the id of its last fill",
    "COLUMN whale_prices.kind": "of the whale",
    "COLUMN whale_reports.whales": "orders: a single trade that is a fill of a sweep is counted in the sweep",
    "COLUMN whale_reports.notional_usd": "of all of them, each dollar once",
    "COLUMN whale_reports.sweeps": "how many of them are sweeps",
    "COLUMN whale_reports.blocks": "how many of them are blocks",
    "COLUMN whale_reports.single_trades": "how many of them are single trades",
    "COLUMN whale_reports.whale_notional": "of the single trades and sweeps, quote currency; blocks are no part of the "
    "market''s notional",
    "COLUMN whale_reports.share": "whale_notional / market_notional",
}


def upgrade() -> None:
    """Add the columns and the view."""
    op.execute(TABLES)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")

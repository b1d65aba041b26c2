"""The context of each whale: prices a second and ten after it, its share of the trading, what the square-root law
expected of it and what came, and the whales before it.

A view, so that it is as new as the rows below it: shares follow their windows, streaks the whales that come late. What
it needs of the lake is in `whale_prices`, what it needs of many days in `impact_fits`.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision, down_revision = "0015", "0014"

TABLES = """
ALTER TABLE whale_prices
    ADD COLUMN after_1s numeric,
    ADD COLUMN after_10s numeric,
    ADD COLUMN settled boolean NOT NULL DEFAULT false;

CREATE TABLE impact_fits (
    exchange text NOT NULL,
    symbol text NOT NULL,
    until timestamptz NOT NULL,
    hours integer NOT NULL CHECK (hours > 0),
    volatility double precision NOT NULL CHECK (volatility >= 0),
    volume double precision NOT NULL CHECK (volume > 0),
    sweeps integer NOT NULL,
    time_blocks integer NOT NULL,
    factor double precision CHECK (factor > 0),
    factor_error double precision CHECK (factor_error >= 0),
    note text CHECK ((note IS NULL) = (factor IS NOT NULL)),
    run_id text NOT NULL,
    code_version text NOT NULL,
    materialised_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, until)
);

CREATE VIEW whale_context AS
SELECT exchange, symbol, kind, trade_id, event_time, minute_notional, minute_share, hour_notional, hour_share, streak,
    net_flow_usd, moved_bps, expected_bps,
    CASE WHEN moved_bps < expected_bps / 2 THEN 'absorbed' WHEN moved_bps > expected_bps * 2 THEN 'broke_through'
        WHEN moved_bps IS NOT NULL AND expected_bps IS NOT NULL THEN 'as_expected' END AS outcome,
    fit_until, fit_factor, fit_factor_error, fit_sweeps, fit_hours, fit_volatility, fit_volume, fit_note
FROM (
    SELECT whale.exchange, whale.symbol, whale.kind, whale.trade_id, whale.event_time,
        minute.notional AS minute_notional,
        CASE WHEN minute.has_whale
            THEN trim_scale(round(whale.quote_notional::numeric(100, 60) / minute.notional, 9)) END AS minute_share,
        hour.notional AS hour_notional,
        CASE WHEN minute.has_whale
            THEN trim_scale(round(whale.quote_notional::numeric(100, 60) / hour.notional, 9)) END AS hour_share,
        flow.streak, flow.net_flow_usd,
        trim_scale(round(CASE whale.side WHEN 'buy' THEN 10000 ELSE -10000 END
            * (price.after_1s - price.before)::numeric(100, 60) / price.before, 6)) AS moved_bps,
        trim_scale(round((10000 * fit.factor * fit.volatility
            * sqrt(whale.quote_notional::float8 / fit.volume))::numeric, 6)) AS expected_bps,
        fit.until AS fit_until, fit.factor AS fit_factor, fit.factor_error AS fit_factor_error,
        fit.sweeps AS fit_sweeps, fit.hours AS fit_hours, fit.volatility AS fit_volatility, fit.volume AS fit_volume,
        fit.note AS fit_note
    FROM (
        SELECT *, kind NOT IN ('block', 'liquidation') AS on_the_book,
            coalesce(notional, notional_usd) AS quote_notional FROM whale_orders
    ) AS whale
    LEFT JOIN LATERAL (
        SELECT one.notional, one.notional >= whale.quote_notional AND one.last_event_time >= whale.event_time
            AND one.last_trade_id >= coalesce(whale.last_trade_id, whale.trade_id) AS has_whale
        FROM trade_windows AS one WHERE one.exchange = whale.exchange AND one.symbol = whale.symbol
            AND one.window_start = date_bin('1 minute', whale.event_time, 'epoch')
    ) AS minute ON whale.on_the_book
    LEFT JOIN LATERAL (
        SELECT sum(one.notional) AS notional FROM trade_windows AS one WHERE one.exchange = whale.exchange
            AND one.symbol = whale.symbol AND one.window_start >= date_bin('1 hour', whale.event_time, 'epoch')
            AND one.window_start < date_bin('1 hour', whale.event_time, 'epoch') + interval '1 hour'
    ) AS hour ON whale.on_the_book
    LEFT JOIN LATERAL (
        SELECT sum(CASE near.side WHEN 'buy' THEN near.notional_usd ELSE -near.notional_usd END) AS net_flow_usd,
            count(*) FILTER (WHERE near.opposite = 0) AS streak
        FROM (
            SELECT one.side, one.notional_usd, count(*) FILTER (WHERE one.side <> whale.side)
                OVER (ORDER BY one.event_time DESC, one.trade_id DESC) AS opposite
            FROM whale_orders AS one WHERE one.exchange = whale.exchange AND one.symbol = whale.symbol
                AND one.kind NOT IN ('block', 'liquidation')
                AND one.event_time > whale.event_time - interval '5 minutes'
                AND one.event_time <= whale.event_time
                AND (one.event_time, one.trade_id) <= (whale.event_time, whale.trade_id)
        ) AS near
    ) AS flow ON whale.on_the_book
    LEFT JOIN whale_prices AS price ON whale.on_the_book AND price.exchange = whale.exchange
        AND price.symbol = whale.symbol AND price.kind = whale.kind AND price.trade_id = whale.trade_id
    LEFT JOIN LATERAL (
        SELECT * FROM impact_fits AS one WHERE one.exchange = whale.exchange AND one.symbol = whale.symbol
            AND one.until <= whale.event_time ORDER BY one.until DESC LIMIT 1
    ) AS fit ON whale.on_the_book
) AS measured;
"""

COMMENTS = {
    "COLUMN whale_prices.after_1s": "of the last trade up to a second after it; null until the lake has a later one",
    "COLUMN whale_prices.after_10s": "the same after ten seconds",
    "COLUMN whale_prices.settled": "whether it is looked for again only with its hour: what comes late is in it",
    "COLUMN whale_reports.largest": "up to ten largest alerts: trade_id, kind, side, event_time, notional_usd, price, "
    "of sweeps fills, levels, first_price and slippage_bps, the prices of whale_prices, and shares, streak, moved_bps, "
    "expected_bps and outcome of whale_context; null where nobody knew yet",
    "TABLE impact_fits": "the square-root law fitted to the sweeps of a week, one row a market and night: impact = "
    "factor x volatility x sqrt(notional / volume)",
    "COLUMN impact_fits.until": "the end of its last day; used for whales from then on",
    "COLUMN impact_fits.hours": "in which its exchange was traded here, from the first hour of the market on",
    "COLUMN impact_fits.volatility": "of a day: root of the summed squared log changes of the minutes'' closes",
    "COLUMN impact_fits.volume": "of a day, quote currency",
    "COLUMN impact_fits.sweeps": "with a known price before and a second after",
    "COLUMN impact_fits.time_blocks": "blocks of ten minutes with sweeps, which are taken as independent",
    "COLUMN impact_fits.factor": "Y of the law, by least squares; null where note says why there is none",
    "COLUMN impact_fits.factor_error": "its standard error, by blocks of ten minutes",
    "COLUMN impact_fits.note": "why there is no factor",
    "VIEW whale_context": "of each order in whale_orders: shares, streak, and the impact expected and come",
    "COLUMN whale_context.minute_notional": "traded in its market and minute so far, in quote currency",
    "COLUMN whale_context.minute_share": "its notional / minute_notional; null until the window has come to it",
    "COLUMN whale_context.hour_notional": "traded in its market and hour so far",
    "COLUMN whale_context.hour_share": "its notional / hour_notional; null as minute_share is",
    "COLUMN whale_context.streak": "whales of its market and side up to it, itself included, that came in the five "
    "minutes before it and after the last one of the other side",
    "COLUMN whale_context.net_flow_usd": "US dollars that whales of its market bought minus those that they sold, in "
    "the five minutes up to it, itself included",
    "COLUMN whale_context.moved_bps": "from the price before it to that a second after it, in the direction of its "
    "taker, in hundredths of a per cent",
    "COLUMN whale_context.expected_bps": "by the newest fit that ended before it; null where there is no factor",
    "COLUMN whale_context.outcome": "absorbed: it moved less than half of what was expected; broke_through: more than "
    "twice as far; as_expected: between",
}


def upgrade() -> None:
    """Add the columns, the table and the view."""
    op.execute(TABLES)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")

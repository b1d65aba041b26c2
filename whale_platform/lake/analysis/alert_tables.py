"""The DuckDB tables and statements of a scan for alerts (alert_scan.py): what it keeps of an hour, and of all hours.

A market is a small number, a time is microseconds UTC. To make a double of a decimal(38,18), or a product of two, costs
more than all else: so whales are first looked for by quantity and the market's highest price of the hour, and only what
comes near its floor is multiplied. `place` orders a market's trades by time, then by id, or by offset where ids have no
order; `horizon` counts the times after a trade at which the price is wanted.
"""

from whale_platform.lake.analysis.sweeps import BLOCK_SQL, KIND_SQL, SLACK, select_sweeps
from whale_platform.lake.duckdb.engine import NOTIONAL_SQL, USD_SQL

MINUTE_US = 60_000_000
CONTROL_US = 120_000_000  # of each market and side one ordinary trade in so long
VOLATILITY_MINUTES = 15
CLASSES = 3  # of volatility

_PLACE = "{time}::HUGEINT * 10000000000000000 + {id}"  # ids have at most 16 digits (domain/epochs.py)
_PLACE_SQL = _PLACE.format(time="t", id="CASE WHEN dense THEN id ELSE coalesce(topic_offset, id) END")
_LAST = f"({_PLACE.format(time='{time}', id=10**16 - 1)})"

CREATE = """
CREATE TABLE markets (m INTEGER, exchange VARCHAR, symbol VARCHAR, base VARCHAR, quote VARCHAR, floor DECIMAL(38,18));
CREATE TABLE thresholds (m INTEGER, since BIGINT, threshold DECIMAL(38,18));
CREATE TABLE minutes (m INTEGER, minute BIGINT, close DOUBLE);
CREATE TABLE reached (m INTEGER PRIMARY KEY, place HUGEINT, t BIGINT, price DECIMAL(38,18));
CREATE TABLE alerts (n BIGINT, m INTEGER, kind VARCHAR, first_id BIGINT, last_id BIGINT, sell BOOLEAN, t BIGINT,
    price DOUBLE, usd DECIMAL(38,18), imported BOOLEAN, share DOUBLE);
CREATE TABLE controls (n BIGINT, m INTEGER, sell BOOLEAN, t BIGINT, price DOUBLE);
CREATE TABLE due (control BOOLEAN, n BIGINT, m INTEGER, horizon INTEGER, moment BIGINT);
CREATE TABLE prices (control BOOLEAN, n BIGINT, horizon INTEGER, price DOUBLE);
CREATE TABLE before (m INTEGER, id BIGINT, t BIGINT, price DECIMAL(38,18), quantity DECIMAL(38,18));
CREATE SEQUENCE numbers;
"""

THRESHOLDS = """
INSERT INTO thresholds SELECT ?, unnest(?::BIGINT[]), unnest(?::VARCHAR[])::DECIMAL(38,18)
"""
MARKETS_OF_HOUR = "SELECT DISTINCT exchange, symbol, base, quote FROM {rows}"

TRADES = f"""
CREATE OR REPLACE TEMP TABLE trades AS SELECT m, trade_id AS id, epoch_us(event_time) AS t, price, quantity,
    notional_wide, side = 'sell' AS sell, coalesce(fills, 1) = 1 AS single, {BLOCK_SQL} AS block,
    coalesce(dense, true) AS dense, coalesce(source = 'import', false) AS imported, taker_order_id, topic_offset,
    usd_pair, usd_exact
FROM {{rows}} JOIN {{markets}} AS wanted USING (exchange, symbol)
"""
ALL_MARKETS, SILENT_MARKETS = "markets", "(SELECT markets.* FROM markets SEMI JOIN silent USING (m))"

MINUTES = f"""
INSERT INTO minutes SELECT m, t // {MINUTE_US}, arg_max(price, {_PLACE_SQL})::DOUBLE FROM trades WHERE NOT block
GROUP BY m, t // {MINUTE_US}
"""

MOMENTS = f"""
CREATE OR REPLACE TEMP TABLE moments AS SELECT DISTINCT m, t FROM (
    SELECT m, t, sum(quantity) AS quantity FROM trades WHERE single GROUP BY m, t, sell
) JOIN (
    SELECT m, least({SLACK} * any_value(floor)::DOUBLE
        / greatest(max(price)::DOUBLE, max(usd_exact::DOUBLE / quantity::DOUBLE)), 1e19
    )::DECIMAL(38,18) AS least_quantity
    FROM trades JOIN markets USING (m) GROUP BY m
) USING (m) WHERE quantity >= least_quantity
"""

NEAR = """
CREATE OR REPLACE TEMP TABLE near AS SELECT exchange, symbol, base, quote, id AS trade_id, 1 AS fills,
    dense, price, quantity, notional_wide, CASE WHEN sell THEN 'sell' ELSE 'buy' END AS side,
    make_timestamptz(t) AS event_time, NULL::TIMESTAMPTZ AS received_time,
    CASE WHEN imported THEN 'import' END AS source, taker_order_id, block, usd_pair,
    NULL::DECIMAL(38,18) AS usd_rate, usd_exact, 0 AS topic_partition,
    topic_offset
FROM trades JOIN markets USING (m) SEMI JOIN moments USING (m, t) WHERE single
"""

_ONCE = """SELECT * FROM near QUALIFY row_number() OVER (PARTITION BY exchange, symbol, trade_id
    ORDER BY topic_offset NULLS LAST, topic_partition) = 1"""
ALERTS = f"""
CREATE OR REPLACE TEMP TABLE new_alerts AS SELECT nextval('numbers') AS n, found.* FROM (
    SELECT m, {KIND_SQL} AS kind, trade_id AS first_id,
        trade_id AS last_id, side = 'sell' AS sell, epoch_us(event_time) AS t, price::DOUBLE AS price,
        usd, notional, coalesce(source = 'import', false) AS imported
    FROM (SELECT *, {USD_SQL} AS usd, {NOTIONAL_SQL} AS notional FROM ({_ONCE})) JOIN markets USING (exchange, symbol)
    WHERE usd >= floor
    UNION ALL
    SELECT m, 'sweep', first_id, last_id, side = 'sell', epoch_us(event_time), last_price::DOUBLE, usd, notional,
        imported
    FROM ({select_sweeps("near", "SELECT exchange, symbol, floor FROM markets")}) JOIN markets USING (exchange, symbol)
    ORDER BY t, m, kind, first_id
) AS found WHERE t >= $start AND t < $end
"""

# Of the moment of the alert what came up to it; all of it where ids have no order, since an order's own lie anywhere.
SHARES = f"""
CREATE OR REPLACE TEMP TABLE shares AS
WITH nearby AS (
    SELECT m, id, t, price, quantity, dense FROM trades WHERE NOT block
    UNION ALL SELECT m, id, t, price, quantity, true FROM before
),
wanted AS (SELECT n, m, t, last_id, unnest([t // {MINUTE_US}, t // {MINUTE_US} - 1]) AS minute FROM new_alerts)
SELECT n, sum(nearby.price::DOUBLE * nearby.quantity::DOUBLE) AS traded FROM wanted JOIN nearby
    ON wanted.m = nearby.m AND minute = nearby.t // {MINUTE_US} AND nearby.t > wanted.t - {MINUTE_US}
    AND (nearby.t < wanted.t OR nearby.t = wanted.t AND (NOT nearby.dense OR nearby.id <= wanted.last_id))
GROUP BY n
"""
NO_SHARES = "CREATE OR REPLACE TEMP TABLE shares (n BIGINT, traded DOUBLE)"
REMEMBER = f"""
CREATE OR REPLACE TABLE before AS SELECT m, id, t, price, quantity FROM trades
WHERE NOT block AND t >= $end - {MINUTE_US}
"""

KEEP_ALERTS = """
INSERT INTO alerts SELECT n, m, kind, first_id, last_id, sell, t, price, usd, imported,
    CASE WHEN kind NOT IN ('block', 'liquidation') THEN notional::DOUBLE / traded END
FROM new_alerts LEFT JOIN shares USING (n)
"""

CONTROLS = f"""
CREATE OR REPLACE TEMP TABLE new_controls AS SELECT nextval('numbers') AS n, m, sell, pick.t AS t,
    pick.price::DOUBLE AS price
FROM (
    SELECT m, sell, t // {CONTROL_US} AS bucket, arg_min({{'t': t, 'price': price}}, hash(id, $seed)) AS pick
    FROM trades ANTI JOIN moments USING (m, t) WHERE single AND NOT block AND t >= $start AND t < $end
    GROUP BY m, sell, bucket ORDER BY m, sell, bucket)
"""

DUE = """
INSERT INTO due SELECT {control}, n, m, unnest(range(len($horizons)))::INTEGER, t + unnest($horizons) FROM {table}
"""

PRICES = f"""
INSERT INTO prices SELECT control, n, horizon, held.price::DOUBLE
FROM (SELECT *, {_LAST.format(time="moment")} AS place FROM due WHERE moment < $end) AS ready
ASOF JOIN (
    SELECT m, price, {_PLACE_SQL} AS place FROM trades WHERE NOT block UNION ALL SELECT m, price, place FROM reached
) AS held ON ready.m = held.m AND ready.place >= held.place
"""
DONE = "DELETE FROM due WHERE moment < $end"

REACHED = f"""
INSERT OR REPLACE INTO reached SELECT m, max(place), max(t), arg_max(price, place)
FROM (SELECT *, {_PLACE_SQL} AS place FROM trades WHERE NOT block) GROUP BY m
"""
# Markets that were silent after an alert: their prices are known once they trade again.
SILENT = """
CREATE OR REPLACE TEMP TABLE silent AS SELECT DISTINCT m FROM alerts JOIN reached USING (m)
WHERE reached.t <= alerts.t + list_max($horizons)
"""

MOVES = """
CREATE TABLE {name} AS SELECT n, m, sell, t, list(moved ORDER BY horizon) AS moves FROM (
    SELECT every.n, every.m, every.sell, every.t, horizons.horizon,
        CASE WHEN reached.t > every.t + horizons.us THEN (CASE WHEN every.sell THEN -1 ELSE 1 END)
            * 10000 * (prices.price / every.price - 1) END AS moved
    FROM {table} AS every
    CROSS JOIN (SELECT unnest(range(len($horizons)))::INTEGER AS horizon, unnest($horizons) AS us) AS horizons
    LEFT JOIN reached ON reached.m = every.m
    LEFT JOIN prices ON prices.control = {control} AND prices.n = every.n AND prices.horizon = horizons.horizon
) GROUP BY n, m, sell, t
"""

VOLATILITY = f"""
CREATE TABLE volatility AS WITH returns AS (
    SELECT m, minute, ln(close / lag(close) OVER (PARTITION BY m ORDER BY minute)) AS r FROM minutes
), before AS (
    SELECT m, minute, sum(r * r) OVER (PARTITION BY m ORDER BY minute
        RANGE BETWEEN {VOLATILITY_MINUTES} PRECEDING AND 1 PRECEDING) AS v
    FROM returns
)
SELECT m, minute, CASE WHEN v IS NULL THEN 0 ELSE 1 + (v > low)::INTEGER + (v > high)::INTEGER END AS class FROM before
JOIN (SELECT m, quantile_cont(v, 1 / {CLASSES}) AS low, quantile_cont(v, 2 / {CLASSES}) AS high FROM before GROUP BY m)
    USING (m)
"""

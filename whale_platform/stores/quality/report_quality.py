"""Whether rollups, whale reports, size bands and alerts agree with the rows that they were computed from.

A row whose sources have changed since it was made is stale, not wrong: the repair schedule makes it again, and only
after that it is judged. Read-only. Raises PostgresUnusableError.
"""

from datetime import datetime
from typing import Any

from whale_platform.stores.asset_tables.materialisation import HourRange, fetch_rows

_ROLLUPS = """
WITH windows AS (
    SELECT exchange, symbol, date_bin('1 hour', window_start, 'epoch') AS hour, sum(trade_count) AS trades,
        sum(volume) AS volume, sum(notional) AS notional, sum(buy_volume) AS buy_volume, max(high) AS high,
        min(low) AS low, (array_agg(open ORDER BY window_start))[1] AS open,
        (array_agg(close ORDER BY window_start DESC))[1] AS close, count(*) AS minutes, max(updated_at) AS newest
    FROM trade_windows WHERE window_start >= %(start)s AND window_start < %(end)s GROUP BY 1, 2, 3
)
SELECT exchange, symbol, hour, trade_count, trades, made.notional, windows.notional
FROM hourly_rollups made JOIN windows USING (exchange, symbol, hour)
WHERE made.stream_updated_at = newest AND (made.trade_count, made.volume, made.notional, made.buy_volume, made.high,
        made.low, made.open, made.close, made.minutes)
    IS DISTINCT FROM (trades, windows.volume, windows.notional, windows.buy_volume, windows.high, windows.low,
        windows.open, windows.close, windows.minutes)
ORDER BY hour, exchange, symbol LIMIT 100
"""

_REPORTS = """
WITH alerts AS (
    SELECT exchange, symbol, date_bin('1 hour', event_time, 'epoch') AS hour, count(*) AS whales,
        sum(notional_usd) AS usd, coalesce(sum(notional_usd) FILTER (WHERE side = 'buy'), 0) AS bought,
        count(*) FILTER (WHERE kind = 'sweep') AS sweeps, count(*) FILTER (WHERE kind = 'block') AS blocks,
        max(detected_time) AS newest
    FROM whale_orders WHERE event_time >= %(start)s AND event_time < %(end)s GROUP BY 1, 2, 3
), windows AS (
    SELECT exchange, symbol, date_bin('1 hour', window_start, 'epoch') AS hour, sum(notional) AS notional
    FROM trade_windows WHERE window_start >= %(start)s AND window_start < %(end)s GROUP BY 1, 2, 3
)
SELECT exchange, symbol, hour, made.whales, coalesce(alerts.whales, 0), made.notional_usd, coalesce(usd, 0)
FROM whale_reports made JOIN windows USING (exchange, symbol, hour) LEFT JOIN alerts USING (exchange, symbol, hour)
WHERE made.market_notional = windows.notional
    AND (newest < made.materialised_at - interval '10 minutes' OR made.materialised_at < now() - interval '1 hour'
        OR made.whales = coalesce(alerts.whales, 0))
    AND (made.whales, made.sweeps, made.blocks, made.notional_usd, made.buy_usd, made.sell_usd)
    IS DISTINCT FROM (coalesce(alerts.whales, 0), coalesce(alerts.sweeps, 0), coalesce(alerts.blocks, 0),
        coalesce(usd, 0), coalesce(bought, 0), coalesce(usd - bought, 0))
ORDER BY hour, exchange, symbol LIMIT 100
"""

_ALERTS = """
SELECT exchange, symbol, trade_id, price, quantity, notional_usd, threshold_usd FROM (
    SELECT *, CASE WHEN kind = 'sweep' THEN notional ELSE price * quantity END AS paid FROM whale_alerts
    WHERE event_time >= %(start)s AND event_time < %(end)s) AS whale
WHERE notional <> paid OR notional_usd < threshold_usd OR CASE
    WHEN usd_rate IS NULL THEN notional_usd <> paid
    WHEN kind <> 'sweep' THEN abs(notional_usd - paid * usd_rate) > notional_usd * 1e-9
    WHEN usd_via = exchange || ':' || symbol THEN abs(notional_usd - quantity) > notional_usd * 1e-9
    ELSE abs(notional_usd - paid * usd_rate) > notional_usd / 2 END
ORDER BY event_time, exchange, symbol, trade_id LIMIT 100
"""

_BANDS = """
SELECT exchange, symbol, window_start, trades, trade_count, usd, notional
FROM size_bands made JOIN trade_windows w USING (exchange, symbol, window_start),
    LATERAL (SELECT coalesce(sum(part), 0) AS usd FROM unnest(buy_usd || sell_usd) AS part) AS bands
WHERE window_start >= %(start)s AND window_start < %(end)s
    AND w.window_start >= %(start)s AND w.window_start < %(end)s  -- or all partitions are read
    AND CASE WHEN trades = trade_count
        THEN usd_via IS NOT NULL AND buy_usd IS NOT NULL AND (usd <> notional OR unvalued_trades > 0)
        ELSE updated_at < now() - interval '1 hour' AND EXISTS (
            SELECT FROM size_bands later WHERE (later.exchange, later.symbol) = (made.exchange, made.symbol)
                AND later.window_start >= greatest(w.updated_at, %(end)s)) END
ORDER BY window_start, exchange, symbol LIMIT 100
"""

Row = tuple[Any, ...]


def find_wrong_rollups(dsn: str, hours: HourRange) -> list[Row]:
    """(exchange, symbol, hour, trades, and in the windows, notional, and in the windows) of 100 rollups at most."""
    return fetch_rows(dsn, _ROLLUPS, {"start": hours.start, "end": hours.end})


def find_wrong_reports(dsn: str, hours: HourRange) -> list[Row]:
    """(exchange, symbol, hour, whales, and in the alerts, dollars, and in the alerts) of 100 reports at most."""
    return fetch_rows(dsn, _REPORTS, {"start": hours.start, "end": hours.end})


def find_wrong_alerts(dsn: str, start: datetime, end: datetime) -> list[Row]:
    """(exchange, symbol, trade id, price, quantity, dollars, threshold) of alerts that can't be, 100 at most.

    Their dollars are not price by quantity (of a sweep the notional of its fills) at the rate that they name, or below
    their threshold. Where there is a rate they may be a billionth beside it. Each fill of a sweep has the rate of its
    own moment and the row that of the newest: where the rate is the sweep's own price, its dollars are its base units
    to a billionth, since its base is a dollar coin; else they are checked for their magnitude, to a half, and the audit
    compares them with the lake's exactly.
    """
    return fetch_rows(dsn, _ALERTS, {"start": start, "end": end})


def find_wrong_bands(dsn: str, hours: HourRange) -> list[Row]:
    """(exchange, symbol, minute, trades, in the window, dollars, in the window) of 100 minutes at most that are wrong.

    Where bands and window are of as many trades, they do not add up to it, of those whose amounts are dollars as they
    stand. The lake of a release that stored no currencies has no dollars, and so no bands. Where they are not, the
    window has been the same for an hour, in which a repair would have come, and its market has bands of trades after
    that, so that the lake is not behind.
    """
    return fetch_rows(dsn, _BANDS, {"start": hours.start, "end": hours.end})

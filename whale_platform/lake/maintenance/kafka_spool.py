"""Messages of `raw_crypto_trades` as rows of the lake, without Spark: for hours that are restored from Kafka."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from whale_platform.contracts import raw_trade
from whale_platform.contracts.raw_trade_looks import read_fill
from whale_platform.domain.decimal_text import format_decimal
from whale_platform.lake.delta.schema import WIDE_DECIMAL, build_narrow_check
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.duckdb.engine import quote_literal


def spool_messages(path: Path, messages: Iterable[tuple[int, int, bytes]], start: datetime) -> int:
    """Write those messages (partition, offset, value) to `path` whose trade is of the hour from `start`; how many.

    What is no raw trade is left out: it has become a dead letter.
    """
    first, last = (int(time.timestamp()) * 1_000_000 for time in (start, start + HOUR))
    count = 0
    with path.open("wb") as file:
        for partition, offset, value in messages:
            fill = read_fill(value)
            if fill is not None and first <= fill.event_time < last:
                line = value.replace(b"\n", b" ").replace(b"\r", b" ")
                usd = _find_usd(value) if b'"usd_rate"' in value else None
                text = b"null" if usd is None else b'"%s"' % format_decimal(usd).encode()
                file.write(b'{"p":%d,"o":%d,"u":%s,"t":%s}\n' % (partition, offset, text, line))
                count += 1
    return count


def _find_usd(message: bytes) -> Decimal | None:
    """The dollars of a trade by its rate: DuckDB's decimals are too narrow to compute them."""
    trade = raw_trade.decode_trade(message)
    return None if trade.usd_rate is None else trade.notional_usd


def select_spooled(path: Path) -> str:
    """SQL: the kept messages as rows of the lake."""
    columns = f"{{p: 'INTEGER', o: 'BIGINT', u: 'VARCHAR', t: '{raw_trade.CONTRACT.duckdb_schema()}'}}"
    exact = ", ".join(
        f"try_cast({name} AS {WIDE_DECIMAL}) AS {name}_exact" for name in ("price", "quantity", "notional")
    )
    return f"""
    (SELECT exchange, symbol, base, quote, trade_id, 1::INTEGER AS fills,
        coalesce(dense::VARCHAR, '') != 'false' AS dense,
        price_exact AS price, quantity_exact AS quantity,
        CASE WHEN NOT ({build_narrow_check("price_exact")} AND {build_narrow_check("quantity_exact")})
            THEN notional_exact END AS notional_wide,
        side, make_timestamptz(event_time) AS event_time, make_timestamptz(received_time) AS received_time, source,
        taker_order_id, coalesce(block::VARCHAR, '') = 'true' AS block, buyer, seller,
        CASE WHEN u IS NOT NULL THEN usd_rate::{WIDE_DECIMAL} END AS usd_rate,
        CASE WHEN u IS NOT NULL THEN usd_via END AS usd_pair, u::{WIDE_DECIMAL} AS usd_exact,
        p AS topic_partition, o AS topic_offset
    FROM (SELECT *, {exact} FROM (SELECT p, o, u, unnest(t) FROM read_json({quote_literal(str(path))},
        format = 'newline_delimited', columns = {columns}, maximum_object_size = 33554432))))
    """

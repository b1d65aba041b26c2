"""What Postgres must say of simulated trades, however containers were killed: each trade once."""

from collections.abc import Sequence

EXACT = """SELECT exchange, symbol, sum(trade_count), max(last_trade_id) - min(first_trade_id) + 1
    FROM trade_windows GROUP BY 1, 2"""


def is_exact(rows: Sequence[Sequence[object]]) -> bool:
    """Whether rows of EXACT hold each trade once: the simulator's ids are dense, so there are as many as they span."""
    return all(count == span for _, _, count, span in rows)

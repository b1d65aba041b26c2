"""The tables as pages, newest first, for who reads them from outside: one statement a page, however deep.

A page begins after a key, not at an offset: rows that come in meanwhile shift nothing, so none is seen twice and none
is left out. Names are this file's own, values are always parameters. Raises what `ConnectionPool.read` raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from psycopg2 import sql

from whale_platform.stores.postgres.pool import ConnectionPool

Operator = Literal["=", ">=", "<", "in", "not in"]
_OPERATORS = {"=": "{} = %s", ">=": "{} >= %s", "<": "{} < %s", "in": "{} = ANY(%s)", "not in": "{} <> ALL(%s)"}


class ColumnCondition(NamedTuple):
    """`column operator value`; the column must be one of the listing's. The value of `in` and `not in` is a list."""

    column: str
    operator: Operator
    value: object


@dataclass(frozen=True, slots=True)
class Listing:
    """A table as it is given out. `key`: unique, its first column the time by which the rows are ordered.

    view: what is read in the table's place, where that is not all of its rows.
    """

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    view: str = ""

    @property
    def relation(self) -> sql.Identifier:
        """What is read."""
        return sql.Identifier(self.view or self.table)

    @property
    def time(self) -> str:
        """The column that `from` and `to` are about."""
        return self.key[0]


def _split_names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WINDOWS = Listing(
    "trade_windows",
    ("window_start", "exchange", "symbol"),
    _split_names(
        "exchange symbol window_start open high low close average_price vwap volume notional buy_volume sell_volume "
        "trade_count first_trade_id last_trade_id last_event_time source run_id updated_at made_from topic_partition "
        "topic_offset base quote usd_via"
    ),
)
ROLLUPS = Listing(
    "hourly_rollups",
    ("hour", "exchange", "symbol"),
    _split_names(
        "exchange symbol hour open high low close vwap volume notional buy_volume sell_volume buy_share "
        "realised_volatility trade_count minutes first_trade_id last_trade_id run_id materialised_at code_version base "
        "quote usd_via"
    ),
)
WHALES = Listing(
    "whale_alerts",
    ("event_time", "exchange", "symbol", "kind", "trade_id"),
    _split_names(
        "exchange symbol kind trade_id side price quantity notional_usd threshold_usd event_time received_time "
        "detected_time source run_id made_from topic_partition topic_offset base quote usd_via notional usd_rate "
        "fills levels first_price last_trade_id sweep_first_id vwap slippage_bps tier"
    ),
)
ORDERS = replace(WHALES, view="whale_orders")
TAKEN_BACK = Listing(
    "whales_taken_back",
    ("taken_back_time", "exchange", "symbol", "kind", "trade_id"),
    _split_names(
        "exchange symbol kind trade_id side price quantity notional_usd threshold_usd event_time detected_time run_id "
        "reason taken_back_by taken_back_time fills levels first_price last_trade_id tier"
    ),
)
REPORTS = Listing(
    "whale_reports",
    ("hour", "exchange", "symbol"),
    _split_names(
        "exchange symbol hour whales notional_usd buy_usd sell_usd net_flow_usd market_notional share complete "
        "largest run_id materialised_at code_version single_trades sweeps blocks whale_notional"
    ),
)
CLUSTERS = Listing(
    "whale_clusters",
    ("event_time", "exchange", "symbol", "trade_id"),
    _split_names(
        "exchange symbol trade_id base side event_time last_time orders exchanges spot_usd perpetual_usd members score "
        "chance false_discovery_rate run_id materialised_at code_version"
    ),
)
GAPS = Listing(
    "ingest_gaps",
    ("found_time", "exchange", "symbol", "first_id"),
    _split_names(
        "exchange symbol first_id last_id cause mode state found_time closed_time filled progress_id detail updated_at"
    ),
)


def read_page(
    pool: ConnectionPool,
    listing: Listing,
    conditions: Sequence[ColumnCondition],
    after: Sequence[object] | None,
    limit: int,
) -> list[tuple[Any, ...]]:
    """Up to `limit` rows in `listing.columns`, newest first, that come after the key `after`."""
    text, values = build_where(listing, conditions, after)
    statement = sql.SQL("SELECT {} FROM {} {} ORDER BY {} LIMIT %s").format(
        _join_identifiers(listing.columns),
        listing.relation,
        text,
        sql.SQL(", ").join(sql.SQL("{} DESC").format(sql.Identifier(name)) for name in listing.key),
    )
    return pool.fetch_rows(statement, (*values, limit))


def build_where(
    listing: Listing, conditions: Sequence[ColumnCondition], after: Sequence[object] | None = None
) -> tuple[sql.Composable, tuple[object, ...]]:
    """(the clause, empty where nothing is asked; its values)."""
    conditions = [_simplify_condition(one) for one in conditions]
    wanted = [_build_condition(listing, one) for one in conditions]
    values: list[object] = [one.value for one in conditions]
    if after is not None:
        # the first column alone as well: partitions are left out by it, and by a row comparison they are not
        wanted.append(
            sql.SQL("{} <= %s AND ({}) < ({})").format(
                sql.Identifier(listing.time),
                _join_identifiers(listing.key),
                sql.SQL(", ").join(sql.Placeholder() for _ in listing.key),
            )
        )
        values += [after[0], *after]
    if not wanted:
        return sql.SQL(""), ()
    return sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(wanted)), tuple(values)


def _simplify_condition(condition: ColumnCondition) -> ColumnCondition:
    """A list of one as `=`: only by that an index on the column gives the rows in the order of the next one."""
    if condition.operator == "in" and isinstance(condition.value, list) and len(condition.value) == 1:
        return ColumnCondition(condition.column, "=", condition.value[0])
    return condition


def _build_condition(listing: Listing, condition: ColumnCondition) -> sql.Composed:
    if condition.column not in listing.columns:
        raise ValueError(f"{listing.table} gives out no column {condition.column!a}")
    return sql.SQL(_OPERATORS[condition.operator]).format(sql.Identifier(condition.column))


def _join_identifiers(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)

"""Whether requested exchanges and symbols have ever had a row: an empty response would hide a typing error.

An exchange that is ingested now is known before its first row. A name that the cache does not know may have old rows in
the table that is asked, or windows that the cache has not read yet, so the tables are looked at before anything is
refused. Before the first trade nothing is known or refused.
"""

from collections.abc import Callable, Iterable

from whale_platform.api.errors import ApiProblemError
from whale_platform.api.http.query_params import MarketFilter
from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.domain.market import Market
from whale_platform.domain.whale import ANY
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.stores.queries import latest_states
from whale_platform.stores.queries.listings import WHALES, Listing


def check_markets(
    params: MarketFilter, cache: LatestCache, list_others: Callable[[], Iterable[Market]] = tuple
) -> None:
    """Raises ApiProblemError (422) for the first name that is unknown to the cache and to `list_others`, which is
    called only then."""
    known, ingested = _list_cached_markets(cache), cache.list_ingested_exchanges()
    if (
        known
        and _find_unknown_field(params, known, ingested)
        and (field := _find_unknown_field(params, known := known | set(list_others()), ingested))
    ):
        raise ApiProblemError(422, f"{field}: {_explain_unknown_name(field, params, known)}")


def check_place(exchange: str, symbol: str, cache: LatestCache, pool: ConnectionPool) -> None:
    """Raises ApiProblemError (422) where no market fits, for which a threshold would never apply; ANY fits all."""

    def fits(markets: Iterable[Market]) -> bool:
        return any(exchange in (ANY, one.exchange) and symbol in (ANY, one.symbol) for one in markets)

    whole = symbol == ANY and exchange in (ANY, *cache.list_ingested_exchanges())
    if not (whole or fits(_list_cached_markets(cache)) or fits(make_market_reader(pool, WHALES)())):
        field = "exchange" if symbol == ANY else "symbol"
        raise ApiProblemError(
            422, f"{field}: no trade of it has come yet: /symbols lists what there is, spelled as the exchange does"
        )


def make_market_reader(pool: ConnectionPool, listing: Listing) -> Callable[[], Iterable[Market]]:
    """What has a row in the listing, or a window."""
    return lambda: [*latest_states.list_markets(pool), *latest_states.list_markets(pool, listing.table)]


def _list_cached_markets(cache: LatestCache) -> set[Market]:
    return {Market(one.exchange, one.symbol) for one in cache.list_newest_windows()}


def _find_unknown_field(params: MarketFilter, known: set[Market], ingested: frozenset[str]) -> str:
    if not ({exchange for exchange, _ in known} | ingested).issuperset(params.exchange):
        return "exchange"
    return "" if {symbol for _, symbol in known}.issuperset(params.symbol) else "symbol"


def _explain_unknown_name(field: str, params: MarketFilter, known: set[Market]) -> str:
    names = {pair[field == "symbol"] for pair in known}
    wrong = next(name for name in getattr(params, field) if name not in names)
    close = sorted(name for name in names if _fold_name(name) == _fold_name(wrong))
    meant = f"there is none of this name, but {' and '.join(close)}" if close else "nothing of this name has come here"
    return f"{meant}; /symbols lists what there is, spelled as the exchange does"


def _fold_name(name: str) -> str:
    return "".join(one for one in name.casefold() if one.isalnum())

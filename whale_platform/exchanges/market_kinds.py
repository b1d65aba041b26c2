"""By which key sums over several exchanges are grouped: the market kind. Whatever adds over exchanges asks here.

A sum that mixed kinds would be wrong without looking so. An exchange that is not registered counts as spot, as
`find_market_kind` has it, so every row belongs to one kind. Raises MixedKindsError where a sum cannot be of one kind.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar, get_args

from whale_platform.domain.market import MarketKind
from whale_platform.domain.names import BLOCK, LIQUIDATION, SINGLE_TRADE, SWEEP
from whale_platform.exchanges.errors import MixedKindsError
from whale_platform.exchanges.registry import EXCHANGES, SPECS, find_market_kind, join_names, list_marked_names

MARKET_KINDS: tuple[MarketKind, ...] = get_args(MarketKind)
DEFAULT_KIND: MarketKind = "spot"


LIQUIDATION_EXCHANGES = list_marked_names(name for name, spec in SPECS.items() if spec.market_kind == "liquidation")


class _OfExchange(Protocol):
    @property
    def exchange(self) -> str: ...


Row = TypeVar("Row", bound=_OfExchange)


class ExchangeCondition(NamedTuple):
    """Which values of a column `exchange` are of a market kind: those `in` or `not in` these names."""

    operator: Literal["in", "not in"]
    names: list[str]


def group_by_kind(rows: Iterable[Row]) -> dict[MarketKind, list[Row]]:
    """The rows of each market kind, in their order; only the kinds that have some, spot first."""
    groups: dict[MarketKind, list[Row]] = defaultdict(list)
    for row in rows:
        groups[find_market_kind(row.exchange)].append(row)
    return {kind: groups[kind] for kind in MARKET_KINDS if kind in groups}


def choose_kind(exchanges: Sequence[str], whale_kinds: Collection[str] = ()) -> MarketKind:
    """The kind of which a sum over these exchanges is. Over all of them (none is named) it is of spot.

    whale_kinds: of the whales that are summed; those of liquidations alone are of the markets of that name.
    """
    kinds = {find_market_kind(name): name for name in exchanges}
    if len(kinds) > 1:
        named = join_names([f"{name} ({kind})" for kind, name in kinds.items()])
        raise MixedKindsError(f"{named} are not summed up: they trade different kinds of markets")
    unnamed: MarketKind = "liquidation" if set(whale_kinds) == {LIQUIDATION} else DEFAULT_KIND
    return next(iter(kinds), unnamed)


def list_whale_kinds(kind: MarketKind) -> tuple[str, ...]:
    """Which kinds of whales there can be on markets of this kind."""
    alone = {LIQUIDATION: (LIQUIDATION,), BLOCK: (BLOCK,)}
    return alone.get(kind, (SINGLE_TRADE, SWEEP, BLOCK))


def build_exchange_condition(kind: MarketKind) -> ExchangeCondition:
    """The condition that the exchanges of this kind meet, simulated ones too, and no others do."""
    special = [name for name in EXCHANGES if find_market_kind(name) != DEFAULT_KIND]
    if kind == DEFAULT_KIND:
        return ExchangeCondition("not in", list_marked_names(special))
    return ExchangeCondition("in", list_marked_names(name for name in special if find_market_kind(name) == kind))

"""What the simulated exchanges list: base, quote and status of each symbol that is played.

The simulator stands for the exchange, so it must know what an exchange says of its symbols: what was asked for names
its currencies (`BTC`, `BTC/U`), some exchanges' symbols hold them, and for the others there is a table of whole
symbols. A recording may bring the exchange's own list in a file beside it, which comes first.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import PEGGED
from whale_platform.exchanges import symbols
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.registry import SPECS, load_simulated
from whale_platform.exchanges.simulation.play import MarketKey
from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.play.market_profile import KNOWN_CURRENCIES

_QUOTES = (*sorted(PEGGED), "USD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL")


def list_simulated(exchange: str, names: Iterable[str]) -> SymbolCatalogue:
    """What a simulated exchange lists, where `names` is what the operator asks for; nothing where names are enough."""
    build = load_simulated(exchange).build_pair
    if build is None:
        return SymbolCatalogue()
    given = [
        found.currencies
        for one in names
        if (found := symbols.parse_request(one, symbols.accepted_names(f"sim_{exchange}"))) is not None
    ]
    table = [(base, quote) for base in KNOWN_CURRENCIES for quote in _QUOTES if base != quote]
    return SymbolCatalogue(build(*one) for one in (*table, *filter(None, given)))


def list_recorded(exchange: str, files: Sequence[Path]) -> SymbolCatalogue:
    """The list that belongs to recordings of an exchange. Raises PlaySetupError where the file beside them is none."""
    found, beside = list_simulated(exchange, ()), load_simulated(exchange).recorded_listing
    for path in dict.fromkeys(file.resolve().with_name(beside) for file in files if beside):
        if path.is_file():
            try:
                for pair in SPECS[exchange].adapter().parse_listing(path.read_bytes()):
                    found.add(pair)
            except (OSError, InvalidFrameError) as wrong:
                raise PlaySetupError(f"{path} is no list of symbols of {SPECS[exchange].title}: {wrong}") from None
    return found


def find_pairs(
    played: Mapping[str, Sequence[str]], lists: Mapping[str, SymbolCatalogue]
) -> dict[MarketKey, ListedPair]:
    """The pair of each symbol that is played. Raises PlaySetupError where its currencies are not known."""
    found: dict[MarketKey, ListedPair] = {}
    for exchange, names in played.items():
        simulated = load_simulated(exchange)
        for symbol in names:
            try:
                found[exchange, symbol] = simulated.find_pair(lists[exchange], symbol)
            except ValueError as unknown:
                beside = simulated.recorded_listing
                otherwise = f", or put the exchange's own list as {beside} beside the recording" if beside else ""
                raise PlaySetupError(f"{exchange}: {unknown}: ask for it as BASE/QUOTE{otherwise}") from None
    return found

"""What the simulated exchanges list: base, quote and status of each symbol that is played.

The simulator stands for the exchange, so it must know what an exchange says of its symbols: what was asked for names
its currencies (`BTC`, `BTC/U`), Coinbase's symbols hold them, and for the others there is a table of whole symbols. A
recording may bring Binance's own answer of `exchangeInfo` in a file `exchangeInfo.json` beside it, which comes first.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue, find_currencies, split_dashed
from whale_platform.domain.trade import PEGGED
from whale_platform.exchanges import symbols
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.simulation.play import MarketKey
from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.play.market_profile import KNOWN_CURRENCIES

RECORDED_LISTING = "exchangeInfo.json"
_QUOTES = (*sorted(PEGGED), "USD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL")


def list_simulated(wanted: Iterable[str]) -> SymbolCatalogue:
    """The simulated Binance's list, where `wanted` is what the operator asks for."""
    given = [
        found.currencies
        for one in wanted
        if (found := symbols.parse_request(one, ("binance", "sim_binance"))) is not None
    ]
    table = [(base, quote) for base in KNOWN_CURRENCIES for quote in _QUOTES if base != quote]
    return SymbolCatalogue(_pair(*one) for one in (*table, *filter(None, given)))


def list_recorded(files: Sequence[Path]) -> SymbolCatalogue:
    """The list that belongs to recordings of Binance. Raises PlaySetupError where the file beside them is not one."""
    found = list_simulated(())
    for path in dict.fromkeys(file.resolve().with_name(RECORDED_LISTING) for file in files):
        if path.is_file():
            try:
                for pair in Binance().parse_listing(path.read_bytes()):
                    found.add(pair)
            except (OSError, InvalidFrameError) as wrong:
                raise PlaySetupError(f"{path} is no answer of Binance's exchangeInfo: {wrong}") from None
    return found


def find_pairs(played: Mapping[str, Sequence[str]], binance: SymbolCatalogue) -> dict[MarketKey, ListedPair]:
    """The pair of each symbol that is played. Raises PlaySetupError where its currencies are not known."""
    found: dict[MarketKey, ListedPair] = {}
    for exchange, names in played.items():
        for symbol in names:
            try:
                both = split_dashed(symbol) if exchange == "coinbase" else find_currencies(binance, symbol)
            except ValueError as unknown:
                raise PlaySetupError(
                    f"{exchange}: {unknown}: ask for it as BASE/QUOTE, or put Binance's answer of exchangeInfo as "
                    f"{RECORDED_LISTING} beside the recording"
                ) from None
            found[exchange, symbol] = ListedPair(symbol, *both, "TRADING" if exchange == "binance" else "online", True)
    return found


def _pair(base: str, quote: str) -> ListedPair:
    return ListedPair(base + quote, base, quote, "TRADING", True)

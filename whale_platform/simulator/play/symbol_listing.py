"""What the simulated exchanges list: base, quote and status of each symbol that is played.

The simulator stands for the exchange, so it must know what an exchange says of its symbols: what was asked for names
its currencies (`BTC`, `BTC/U`), Coinbase's symbols hold them, and for the others there is a table of whole symbols. A
recording may bring Binance's own answer of `exchangeInfo` in a file `exchangeInfo.json` beside it, which comes first.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from whale_platform.domain.catalogue import Catalogue, Pair, currencies, split_dashed
from whale_platform.domain.trade import PEGGED
from whale_platform.exchanges import symbols
from whale_platform.exchanges.base import BadFrame
from whale_platform.exchanges.binance import Binance
from whale_platform.simulator.play.base import CannotPlay, Place
from whale_platform.simulator.play.market_profile import KNOWN

RECORDED = "exchangeInfo.json"
_QUOTES = (*sorted(PEGGED), "USD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL")


def simulated(wanted: Iterable[str]) -> Catalogue:
    """The simulated Binance's list, where `wanted` is what the operator asks for."""
    given = [found.currencies for one in wanted if (found := symbols.read(one, ("binance", "sim_binance"))) is not None]
    table = [(base, quote) for base in KNOWN for quote in _QUOTES if base != quote]
    return Catalogue(_pair(*one) for one in (*table, *filter(None, given)))


def recorded(files: Sequence[Path]) -> Catalogue:
    """The list that belongs to recordings of Binance. Raises CannotPlay where the file beside them is no such list."""
    found = simulated(())
    for path in dict.fromkeys(file.resolve().with_name(RECORDED) for file in files):
        if path.is_file():
            try:
                for pair in Binance().parse_listing(path.read_bytes()):
                    found.add(pair)
            except (OSError, BadFrame) as wrong:
                raise CannotPlay(f"{path} is no answer of Binance's exchangeInfo: {wrong}") from None
    return found


def pairs(played: Mapping[str, Sequence[str]], binance: Catalogue) -> dict[Place, Pair]:
    """The pair of each symbol that is played. Raises CannotPlay where its currencies are not known."""
    found: dict[Place, Pair] = {}
    for exchange, names in played.items():
        for symbol in names:
            try:
                both = split_dashed(symbol) if exchange == "coinbase" else currencies(binance, symbol)
            except ValueError as unknown:
                raise CannotPlay(
                    f"{exchange}: {unknown}: ask for it as BASE/QUOTE, or put Binance's answer of exchangeInfo as "
                    f"{RECORDED} beside the recording"
                ) from None
            found[exchange, symbol] = Pair(symbol, *both, "TRADING" if exchange == "binance" else "online", True)
    return found


def _pair(base: str, quote: str) -> Pair:
    return Pair(base + quote, base, quote, "TRADING", True)

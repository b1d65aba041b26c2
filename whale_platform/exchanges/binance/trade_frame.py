"""How a trade's frame looks as Binance writes it, so that the usual frame is read without a JSON parser.

What matches is a frame that the parser reads to the same values; everything else, be it only in another order or with
one blank more, is left to the parser.
"""

import re

from whale_platform.exchanges.frames import DECIMAL_PATTERN, INTEGER_PATTERN, NAME_PATTERN

match_trade_frame = re.compile(
    rf'\{{"stream":"{NAME_PATTERN}","data":\{{"e":"trade","E":{INTEGER_PATTERN},"s":"({NAME_PATTERN})","t":({INTEGER_PATTERN}),'
    rf'"p":"({DECIMAL_PATTERN})","q":"({DECIMAL_PATTERN})",(?:"b":{INTEGER_PATTERN},"a":{INTEGER_PATTERN},)?"T":({INTEGER_PATTERN}),'
    r'"m":(true|false),"M":(?:true|false)\}\}'
).fullmatch
"""Groups: symbol, id, price, quantity, time, whether the buyer is the maker."""

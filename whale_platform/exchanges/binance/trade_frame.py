"""How a trade's frame looks as Binance writes it, so that the usual frame is read without a JSON parser.

What matches is a frame that the parser reads to the same values; everything else, be it only in another order or with
one blank more, is left to the parser.
"""

import re

_NAME = r"[!#-\[\]-~]{1,64}"
_INTEGER = "(?:0|[1-9][0-9]{0,17})"
_DECIMAL = r"[0-9]{1,25}(?:\.[0-9]{1,25})?"
match_trade_frame = re.compile(
    rf'\{{"stream":"{_NAME}","data":\{{"e":"trade","E":{_INTEGER},"s":"({_NAME})","t":({_INTEGER}),'
    rf'"p":"({_DECIMAL})","q":"({_DECIMAL})",(?:"b":{_INTEGER},"a":{_INTEGER},)?"T":({_INTEGER}),'
    r'"m":(true|false),"M":(?:true|false)\}\}'
).fullmatch
"""Groups: symbol, id, price, quantity, time, whether the buyer is the maker."""

"""How a match looks as Coinbase writes it, so that the usual frame is read without a JSON parser.

What matches is a frame that the parser reads to the same values; everything else, be it only in another order or with
one blank more, is left to the parser.
"""

import re

_NAME = r"[!#-\[\]-~]{1,64}"
_INTEGER = "(?:0|[1-9][0-9]{0,17})"
_DECIMAL = r"[0-9]{1,25}(?:\.[0-9]{1,25})?"
match_trade_frame = re.compile(
    rf'\{{"type":"match","trade_id":({_INTEGER}),"maker_order_id":"{_NAME}","taker_order_id":"({_NAME})",'
    rf'"side":"(buy|sell)","size":"({_DECIMAL})","price":"({_DECIMAL})","product_id":"({_NAME})",'
    rf'"sequence":{_INTEGER},"time":"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})'
    r'\.([0-9]{6})Z"\}'
).fullmatch
"""Groups: id, taker's order, maker's side, size, price, product, time to the second, microseconds."""

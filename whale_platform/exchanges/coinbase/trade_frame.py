"""How a match looks as Coinbase writes it, so that the usual frame is read without a JSON parser.

What matches is a frame that the parser reads to the same values; everything else, be it only in another order or with
one blank more, is left to the parser.
"""

import re

from whale_platform.exchanges.frames import DECIMAL_PATTERN, INTEGER_PATTERN, NAME_PATTERN

match_trade_frame = re.compile(
    rf'\{{"type":"match","trade_id":({INTEGER_PATTERN}),"maker_order_id":"{NAME_PATTERN}","taker_order_id":"({NAME_PATTERN})",'
    rf'"side":"(buy|sell)","size":"({DECIMAL_PATTERN})","price":"({DECIMAL_PATTERN})","product_id":"({NAME_PATTERN})",'
    rf'"sequence":{INTEGER_PATTERN},"time":"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})'
    r'\.([0-9]{6})Z"\}'
).fullmatch
"""Groups: id, taker's order, maker's side, size, price, product, time to the second, microseconds."""

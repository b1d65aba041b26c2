"""How a raw trade looks as the ingester writes it: patterns of its texts and numbers, and of a whole message.

Readers that meet millions of trades match the whole and take its parts as they stand; what does not match may still be
a raw trade, and is decoded. What matches is one, with the values that decoding gives, so the pattern is narrower than
the contract: ASCII, integers of up to 18 digits, times of up to 16, numbers that fit decimal(18,8). Who uses a pattern
adds the anchors. `java/WrittenTrade.java` cuts the same messages for Spark; the tests compare the two. Nothing here
fails.
"""

NAME_PATTERN = r'[^\x00-\x20"\\\[\]{}\ufffd]+'  # of exchange, symbol, base, quote and source
DECIMAL_PATTERN = r"(?=[0.]*[1-9])[0-9]{1,20}(?:[.][0-9]{1,18})?"  # positive, and fits Spark's decimal(38,18)
NARROW_PATTERN = r"(?=[0.]*[1-9])[0-9]{1,10}(?:[.][0-9]{1,8})?"  # fits decimal(18,8) as it is written
_NAME = r"[!#-Z^-z|~]+"
_INTEGER = "0|[1-9][0-9]{0,17}"
_TIME = "0|[1-9][0-9]{0,15}"
_NUMBER = "[0-9.]+"
_TEXT = r"[ !#-\[\]-z|~]+"
SWEEP_FIELDS = (
    *("sweep_first_id", "sweep_fills", "sweep_levels"),
    *("sweep_first_price", "sweep_quantity", "sweep_notional"),
)
# The groups of WRITTEN_PATTERN, in order; those from taker_order_id on may be without a match.
WRITTEN_FIELDS = (
    *("v", "exchange", "symbol", "trade_id", "base", "quote", "price", "quantity", "side"),
    *("event_time", "received_time", "source", "taker_order_id", "block", "buyer", "seller", "usd_rate", "usd_via"),
    *SWEEP_FIELDS,
    "sweep_usd",
)
WRITTEN_PATTERN = (
    rf'\{{"v":([12]),"exchange":"({_NAME})","symbol":"({_NAME})","trade_id":({_INTEGER}),'
    rf'(?:"dense":(?:true|false),)?"base":"({_NAME})","quote":"({_NAME})","price":"({NARROW_PATTERN})",'
    rf'"quantity":"({NARROW_PATTERN})",(?:"notional":"{_NUMBER}","notional_usd":(?:null|"{_NUMBER}"),'
    rf'"usd_via":(?:null|"{_NAME}"),)?"side":"(buy|sell)","event_time":({_TIME}),'
    rf'"received_time":({_TIME}),"source":"({_NAME})"(?:,"dense":false)?'
    rf'(?:,"taker_order_id":(?:null|"({_TEXT})"))?(?:,"block":(true))?(?:,"buyer":"({_TEXT})")?'
    rf'(?:,"seller":"({_TEXT})")?(?:,"usd_rate":"({DECIMAL_PATTERN})","usd_via":"({_NAME})")?(?:,"sweep_first_id":({_INTEGER}),"sweep_fills":({_INTEGER}),'
    rf'"sweep_levels":({_INTEGER}),"sweep_first_price":"({NARROW_PATTERN})","sweep_quantity":"({DECIMAL_PATTERN})",'
    rf'"sweep_notional":"({DECIMAL_PATTERN})"(?:,"sweep_usd":"({DECIMAL_PATTERN})")?)?\}}'
)

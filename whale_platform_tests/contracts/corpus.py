"""One corpus of raw trades for every reader: what each message is, told without the code that is tested.

`RAW_TRADES` are valid ones as the ingester writes them, odd ones that are trades all the same, and broken ones, which
every reader leaves out. `EXPECTED` are the trades that they hold, in order.
"""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.sweep import SweepProgress
from whale_platform.domain.trade import Trade

START_US = 1_723_118_400_000_000
TRADE = Trade(
    "binance", "BTCUSDT", "BTC", "USDT", 7, Decimal("61837.63"), Decimal("0.00042"), "buy", START_US, START_US + 5_000
)


# What a byte of a message is replaced by: what means something to JSON, a number or a pattern, and what is no text.
CHANGES = [*(bytes([one]) for one in b"\"'\\{}[]:,.-+01eEtn \n\r\x00\x01\x1f\x7f\x80"), "\u2028".encode()]


class RawTradeCase(NamedTuple):
    """A message; trade: what it holds, None where it is no raw trade. written: the ingester writes such bytes."""

    name: str
    value: bytes
    trade: Trade | None = None
    written: bool = False


def spell_version_1(trade: Trade) -> dict[str, Any]:
    """Return the message of version 1, field by field."""
    notional = f"{trade.price * trade.quantity:f}"
    usd = trade.quote in ("USD", "USDT")
    return {
        "v": 1,
        "exchange": trade.exchange,
        "symbol": trade.symbol,
        "trade_id": trade.trade_id,
        "dense": trade.dense,
        "base": trade.base,
        "quote": trade.quote,
        "price": f"{trade.price:f}",
        "quantity": f"{trade.quantity:f}",
        "notional": notional,
        "notional_usd": notional if usd else None,
        "usd_via": ("USD" if trade.quote == "USD" else f"peg:{trade.quote}") if usd else None,
        "side": trade.side,
        "event_time": trade.event_time,
        "received_time": trade.received_time,
        "source": trade.source,
        "taker_order_id": trade.taker_order_id,
    }


def spell_version_2(trade: Trade) -> dict[str, Any]:
    """Return the message of version 2, field by field."""
    row = spell_version_1(trade)
    always = ("exchange", "symbol", "trade_id", "base", "quote", "price", "quantity", "side", "event_time")
    out = {"v": 2, **{name: row[name] for name in (*always, "received_time", "source")}}
    if trade.price < Decimal("0.00000001"):  # of all that are here, the one with more than 8 decimals
        out["notional"] = row["notional"]
    if not trade.dense:
        out["dense"] = False
    told: dict[str, Any] = {"taker_order_id": trade.taker_order_id, "buyer": trade.buyer, "seller": trade.seller}
    order = ("taker_order_id", "block", "buyer", "seller", "usd_rate", "usd_via")
    told |= {"block": True} if trade.block else {}
    told |= {} if trade.usd_rate is None else {"usd_rate": f"{trade.usd_rate:f}", "usd_via": trade.usd_pair}
    out |= {name: told[name] for name in order if told.get(name) is not None}
    return out if trade.sweep is None else out | spell_sweep(trade.sweep)


def spell_sweep(sweep: SweepProgress) -> dict[str, Any]:
    """Return what a message says of a trade's order."""
    return {
        "sweep_first_id": sweep.first_id,
        "sweep_fills": sweep.fills,
        "sweep_levels": sweep.levels,
        "sweep_first_price": format_decimal(sweep.first_price),
        "sweep_quantity": format_decimal(sweep.quantity),
        "sweep_notional": format_decimal(sweep.notional),
        **({} if sweep.usd is None else {"sweep_usd": format_decimal(sweep.usd)}),
    }


SPELLINGS: dict[int, Callable[[Trade], dict[str, Any]]] = {1: spell_version_1, 2: spell_version_2}


def dump(row: object) -> bytes:
    """Return `row` as the ingester spells JSON."""
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()


VALID = {
    "plain": TRADE,
    "sold for euros": TRADE._replace(trade_id=8, symbol="BTCEUR", quote="EUR", side="sell"),
    "in dollars, with an order": TRADE._replace(
        trade_id=9, exchange="coinbase", symbol="BTC-USD", quote="USD", taker_order_id="b2e7-11", source="repair"
    ),
    "of a symbol in another script": TRADE._replace(trade_id=10, symbol="币安人生USDT", base="币安人生"),
    "without dense ids": TRADE._replace(trade_id=11, symbol="ODDUSDT", dense=False, source="replay"),
    "tiny and long": TRADE._replace(trade_id=12, price=Decimal("0.000000000001"), quantity=Decimal("123456789.654321")),
    "of eight decimals each": TRADE._replace(trade_id=13, price=Decimal("0.00001305"), quantity=Decimal("0.12345678")),
    "large": TRADE._replace(trade_id=14, price=Decimal("1000000000"), quantity=Decimal("985")),
    "of the next minute": TRADE._replace(trade_id=15, event_time=START_US + 60_000_000),
}

SWEEP = SweepProgress(
    12, 5, 2, Decimal("61837.5"), Decimal("4000000000.00001"), Decimal("98765432109876.1234567890123")
)
VALID_2 = {  # what version 1 could not say
    "of a sweep": TRADE._replace(trade_id=16, sweep=SWEEP),
    "of a sweep by its order": TRADE._replace(
        trade_id=17, taker_order_id="b2", sweep=SWEEP._replace(first_id=16, fills=2)
    ),
    "a block": TRADE._replace(trade_id=18, block=True),
    "with its parties": TRADE._replace(trade_id=19, buyer="0xab", seller="0xcd", sweep=SWEEP, dense=False),
    "of euros with a rate": TRADE._replace(
        trade_id=36, quote="EUR", usd_rate=Decimal("1.087"), usd_pair="binance:EURUSDT"
    ),
    "of bitcoin, in a sweep": TRADE._replace(
        trade_id=37,
        quote="BTC",
        usd_rate=Decimal("61837.123456789012345678"),
        usd_pair="okx:BTC-USDT",
        sweep=SWEEP._replace(first_id=33, usd=Decimal("123456.000000000000000001")),
        block=True,
        buyer="a",
    ),
    "with one party": TRADE._replace(trade_id=30, block=True, seller="0xcd", dense=False),
}


IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "of one fill": {"sweep_first_id": 41, "sweep_fills": 1, "sweep_levels": 1},
    "of fewer fills than none": {"sweep_first_id": 52, "sweep_fills": -9},
    "without a level": {"sweep_first_id": 39, "sweep_levels": 0},
    "of more levels than fills": {"sweep_first_id": 40, "sweep_levels": 6},
    "of ids that are not consecutive": {"sweep_first_id": 40},
    "of all fills that there are": {"sweep_first_id": 3, "sweep_fills": 9 * 10**17},
    "from below": {"sweep_first_id": -1, "sweep_fills": 49},
}


def _odd(row: dict[str, Any]) -> list[tuple[str, bytes, Trade]]:
    turned = dict(reversed(row.items()))
    return [
        ("spaced", json.dumps(row | {"trade_id": 20}).encode(), TRADE._replace(trade_id=20)),
        ("spaced, without dense ids", json.dumps(row | {"trade_id": 41, "dense": False}).encode(),
         TRADE._replace(trade_id=41, dense=False)),
        ("in another order", dump(turned | {"trade_id": 21}), TRADE._replace(trade_id=21)),
        ("with more fields", dump(row | {"trade_id": 22, "blocked": True, "sweep": {"id": 1, "fills": [1, 2]}}),
         TRADE._replace(trade_id=22)),
        ("with a number for a name", dump(row | {"trade_id": 23, "base": 1}), TRADE._replace(trade_id=23, base="1")),
        ("over several lines", json.dumps(row | {"trade_id": 24}, indent=1).encode(), TRADE._replace(trade_id=24)),
        ("with a notional that is not its own", dump(row | {"trade_id": 26, "notional": "1"}),
         TRADE._replace(trade_id=26)),
        ("with nine decimals of which the last is a zero",
         dump(row | {"trade_id": 27, "price": "61837.630000000", "notional": "25.9718046"}),
         TRADE._replace(trade_id=27)),
        ("with a brace in the order", dump(row | {"trade_id": 28, "taker_order_id": "a}b"}),
         TRADE._replace(trade_id=28, taker_order_id="a}b")),
        ("with an order without a name", dump(row | {"trade_id": 29, "taker_order_id": ""}),
         TRADE._replace(trade_id=29, taker_order_id="")),
        ("with half a sweep", dump(row | {"trade_id": 31, "sweep_first_id": 3, "sweep_fills": 2}),
         TRADE._replace(trade_id=31)),
        ("with a sweep of a wrong number", dump(row | {"trade_id": 32} | spell_sweep(SWEEP) | {"sweep_quantity": "-1"}),
         TRADE._replace(trade_id=32)),
        ("with a sweep in another order", dump(dict(reversed(spell_sweep(SWEEP).items())) | row | {"trade_id": 16}),
         TRADE._replace(trade_id=16, sweep=SWEEP)),
        *((f"with a sweep that can't be: {name}", dump(row | spell_sweep(SWEEP) | {"trade_id": 41 + number} | change),
           TRADE._replace(trade_id=41 + number))
          for number, (name, change) in enumerate(IMPOSSIBLE.items())),
        ("with a rate and no pair", dump(row | {"trade_id": 38, "usd_rate": "2", "usd_via": None}),
         TRADE._replace(trade_id=38)),
        ("with a rate that is none", dump(row | {"trade_id": 39, "quote": "EUR", "usd_rate": "0", "usd_via": "a:b"}),
         TRADE._replace(trade_id=39, quote="EUR")),
        ("with dollars that no message holds",
         dump(row | {"trade_id": 40, "quote": "EUR", "usd_rate": "9" * 20, "usd_via": "a:b"}),
         TRADE._replace(trade_id=40, quote="EUR")),
        ("with a block that is a text", dump(row | {"trade_id": 34, "block": "true"}), TRADE._replace(trade_id=34)),
        ("with a party that is a number", dump(row | {"trade_id": 35, "buyer": 1}),
         TRADE._replace(trade_id=35, buyer="1")),
        ("with trailing zeros", dump(row | {"trade_id": 25, "price": "61837.63000"}), TRADE._replace(trade_id=25)),
    ]  # fmt: skip


def _broken(row: dict[str, Any]) -> list[tuple[str, bytes]]:
    changes: dict[str, dict[str, Any]] = {
        "no exchange": {"exchange": None},
        "an empty symbol": {"symbol": ""},
        "a quote in the symbol": {"symbol": 'a"b'},
        "a list for a symbol": {"symbol": ["BTCUSDT"]},
        "a blank in the source": {"source": "from afar"},
        "a backslash": {"source": "a\\b"},
        "no base": {"base": None},
        "no quote": {"quote": None},
        "an odd side": {"side": "BUY"},
        "no side": {"side": None},
        "an id that is a text": {"trade_id": "1"},
        "an id with a point": {"trade_id": 1.5},
        "an id too large": {"trade_id": 2**63},
        "a true id": {"trade_id": True},
        "no event time": {"event_time": None},
        "an event time that overflows a window": {"event_time": 2**63 - 1},
        "a time before all": {"event_time": -1},
        "a time in the year 2286": {"received_time": 10**16},
        "a received time that is a text": {"received_time": "now"},
        "a price of zero": {"price": "0.00"},
        "no price": {"price": None},
        "a price that is a whole number": {"price": 61837},
        "a quantity that is a float": {"quantity": 0.5},
        "a negative quantity": {"quantity": "-1"},
        "a price with an exponent": {"price": "1e3"},
        "a price with too many decimals": {"price": "1.0000000000000000001"},
        "a price too large": {"price": "1" * 21},
        "a price that is none": {"price": "NaN"},
        "a price that closes its quotes": {"price": '1","low":"0'},
        "a blank in the price": {"price": " 1"},
        "nine decimals without the product": {"price": "1.123456789", "notional": None},
        "nine decimals and a product that is none": {"price": "1.123456789", "notional": "0"},
        "the version as a text": {"v": str(row["v"])},
        "no version": {"v": None},
        "a later version": {"v": 99},
        "a much later version": {"v": 99_999_999_999},
    }
    spoilt = [(name, dump(row | change)) for name, change in changes.items()]
    lacking = [
        (f"without {name}", dump({key: row[key] for key in row if key != name})) for name in ("v", "price", "source")
    ]
    whole = dump(row)
    bytes_ = [
        ("cut", whole[:-20]),
        ("without its end", whole[:-1]),
        ("with more after its end", whole + b"x"),
        ("twice", whole + whole),
        ("bytes that are no text", whole.replace(b"BTCUSDT", b"BTC\xff\xfe")),
        ("separators", b"\x01".join(b"2 binance BTCUSDT 7 BTC USDT 61837.63 1 buy 1 1 live o".split())),
        ("single quotes", whole.replace(b'"', b"'")),
        ("an id that begins with a zero", whole.replace(b'"trade_id":7', b'"trade_id":07')),
        ("an order that looks like the end of an object", dump(row | {"taker_order_id": "a}{b"})),
    ]
    return [*spoilt, *((f"without {name}", value) for name, value in lacking), *bytes_]


def cases() -> list[RawTradeCase]:
    """Return every case; names are unique."""
    out = [RawTradeCase(name, value) for name, value in (
        ("nothing", b""), ("no JSON", b"{"), ("null", b"null"), ("a list", b"[]"), ("an empty object", b"{}"),
    )]  # fmt: skip
    for version, spell in SPELLINGS.items():
        row = spell(TRADE)
        out += [RawTradeCase(f"version {version}: {name}", dump(spell(one)), one, True) for name, one in VALID.items()]
        if version == 2:
            out += [RawTradeCase(f"version 2: {name}", dump(spell(one)), one, True) for name, one in VALID_2.items()]
        out += [RawTradeCase(f"version {version}: {name}", value, one) for name, value, one in _odd(row)]
        out += [RawTradeCase(f"version {version}: {name}", value) for name, value in _broken(row)]
    return out


def change_bytes(value: bytes) -> Iterator[bytes]:
    """Yield `value` with each byte deleted, replaced by each of CHANGES, and with each of them inserted before it."""
    for place in range(len(value)):
        before, after = value[:place], value[place + 1 :]
        yield before + after
        for change in CHANGES:
            yield before + change + after
            yield before + change + value[place:]


RAW_TRADES = cases()
# As the ingester writes them: every part that a pattern may take or leave.
WRITTEN = [
    dump(spell(TRADE._replace(dense=dense, taker_order_id=order)))
    for spell in SPELLINGS.values()
    for dense, order in ((True, None), (False, "b2-1"))
]
WRITTEN += [dump(spell_version_2(one)) for one in VALID_2.values()]
EXPECTED = [case.trade for case in RAW_TRADES if case.trade is not None]
IN_WINDOWS = [trade for trade in EXPECTED if not trade.block]

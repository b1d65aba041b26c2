"""Windows and whales straight from capture files, sharing no code with the platform: what its numbers must equal."""

import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

FLIP = {"buy": "sell", "sell": "buy"}


def fills(files: list[Path]) -> list[dict[str, Any]]:
    """Each trade once: exchange, symbol, id, price, quantity, taker side, time in microseconds UTC, taker's order."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for path in files:
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            start = line.find("{")
            frame = json.loads(line[start:]) if start >= 0 else {}
            body = frame.get("data", frame)
            if body.get("e") == "trade":
                side = "sell" if body["m"] else "buy"
                row = ("binance", body["s"], body["t"], body["p"], body["q"], side, body["T"] * 1000, None)
            elif body.get("type") == "match":
                moment = datetime.fromisoformat(body["time"]).astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
                micros = (moment.days * 86_400 + moment.seconds) * 1_000_000 + moment.microseconds
                side, symbol = FLIP[body["side"]], body["product_id"]
                order = body.get("taker_order_id")
                row = ("coinbase", symbol, body["trade_id"], body["price"], body["size"], side, micros, order)
            else:
                continue
            names = ("exchange", "symbol", "id", "price", "quantity", "side", "time", "order")
            fill = dict(zip(names, row, strict=True))
            fill["price"], fill["quantity"] = Decimal(fill["price"]), Decimal(fill["quantity"])
            found[fill["exchange"], fill["symbol"], fill["id"]] = fill
    return sorted(found.values(), key=lambda fill: (fill["exchange"], fill["symbol"], fill["id"]))


MINUTE_US = 60_000_000


def windows(trades: list[dict[str, Any]], length: int = MINUTE_US) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """{(exchange, symbol, start): (open, high, low, close, volume, notional, buy, sell, count, first id, last id)}."""
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = defaultdict(list)
    for fill in trades:
        groups[fill["exchange"], fill["symbol"], fill["time"] // length * length].append(fill)
    with localcontext(prec=60):
        return {key: _window(group) for key, group in groups.items()}


def _window(group: list[dict[str, Any]]) -> tuple[Any, ...]:
    prices = [fill["price"] for fill in group]
    taken = {side: sum((f["quantity"] for f in group if f["side"] == side), Decimal(0)) for side in ("buy", "sell")}
    notional = sum(fill["price"] * fill["quantity"] for fill in group)
    money = (prices[0], max(prices), min(prices), prices[-1], taken["buy"] + taken["sell"], notional)
    return (*money, taken["buy"], taken["sell"], len(group), group[0]["id"], group[-1]["id"])


def whale_fills(trades: list[dict[str, Any]], threshold: Decimal) -> list[dict[str, Any]]:
    """The dollar fills at or over the threshold, each with its `notional`."""
    with localcontext(prec=60):
        sized = [fill | {"notional": fill["price"] * fill["quantity"]} for fill in trades]
    return [fill for fill in sized if fill["symbol"].endswith(("USDT", "USD")) and fill["notional"] >= threshold]


def whales(trades: list[dict[str, Any]], threshold: Decimal) -> dict[tuple[str, str, int], tuple[str, Decimal]]:
    """{(exchange, symbol, id): (taker side, notional)} of the whales."""
    found = whale_fills(trades, threshold)
    return {(fill["exchange"], fill["symbol"], fill["id"]): (fill["side"], fill["notional"]) for fill in found}


def sweeps(trades: list[dict[str, Any]], threshold: Decimal) -> list[dict[str, Any]]:
    """The dollar orders of several fills at or over the threshold: consecutive ids of one time, side and order.

    Each with the `id` of its first fill, the `price` of its last, and their sums.
    """
    runs: list[list[dict[str, Any]]] = []
    same = ("exchange", "symbol", "time", "side", "order")
    for fill in trades:
        last = runs[-1][-1] if runs else None
        if last is None or fill["id"] != last["id"] + 1 or any(fill[name] != last[name] for name in same):
            runs.append([])
        runs[-1].append(fill)
    with localcontext(prec=60):
        found = [
            run[-1]
            | {
                "id": run[0]["id"],
                "last": run[-1]["id"],
                "fills": len(run),
                "first": run[0]["price"],
                "quantity": sum(fill["quantity"] for fill in run),
                "notional": sum(fill["price"] * fill["quantity"] for fill in run),
            }
            for run in runs
            if len(run) > 1 and run[0]["symbol"].endswith(("USDT", "USD"))
        ]
    return [sweep for sweep in found if sweep["notional"] >= threshold]


def orders(trades: list[dict[str, Any]], threshold: Decimal) -> list[dict[str, Any]]:
    """The whales, each dollar once: the sweeps, and the large fills that are part of none."""
    found = sweeps(trades, threshold)
    inside = {(one["exchange"], one["symbol"], id_) for one in found for id_ in range(one["id"], one["last"] + 1)}
    alone = [fill for fill in whale_fills(trades, threshold) if tuple(fill[k] for k in IDENTITY) not in inside]
    return [*found, *(fill | {"last": fill["id"]} for fill in alone)]


IDENTITY = ("exchange", "symbol", "id")
HOUR_US = 60 * MINUTE_US
SIZES = [0] + [step * 10**power for power in range(4, 8) for step in (1, 2, 5)]


def _bought(fills: list[dict[str, Any]], side: str) -> Decimal:
    with localcontext(prec=60):
        return sum((fill["notional"] for fill in fills if fill["side"] == side), Decimal(0))


def end_of(trades: list[dict[str, Any]]) -> int:
    """The end of the newest minute."""
    return int(max(fill["time"] for fill in trades) // MINUTE_US + 1) * MINUTE_US


def summary(trades: list[dict[str, Any]], threshold: Decimal) -> dict[str, Any]:
    """What `/whales/summary` has to say of the day up to the newest minute."""
    end = end_of(trades)
    found = [one for one in orders(trades, threshold) if one["time"] >= end - 24 * HOUR_US]
    hours: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for fill in found:
        hours[fill["time"] // HOUR_US * HOUR_US].append(fill)
    bins: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for fill in found:
        bins[max(size for size in SIZES if size <= fill["notional"])][fill["side"] == "sell"] += 1
    largest = sorted(found, key=lambda fill: (-fill["notional"], -fill["time"]))[:10]
    return {
        "whales": len(found),
        "buy_usd": _bought(found, "buy"),
        "sell_usd": _bought(found, "sell"),
        "hours": [
            (hour, len(some), _bought(some, "buy"), _bought(some, "sell")) for hour, some in sorted(hours.items())
        ],
        "sizes": {size: tuple(counts) for size, counts in bins.items()},
        "top": [fill["notional"] for fill in largest],
    }


def latest(trades: list[dict[str, Any]], threshold: Decimal) -> dict[tuple[str, str], dict[str, Any]]:
    """What `/latest` has to say: price, newest minute, sums of the last hour and day, newest whale."""
    end, found = end_of(trades), {}
    for name in {(fill["exchange"], fill["symbol"]) for fill in trades}:
        own = [fill for fill in trades if (fill["exchange"], fill["symbol"]) == name]
        minutes = windows(own)
        key = max(minutes, key=lambda key: key[2])
        large = max(orders(own, threshold), key=lambda one: (one["time"], one["last"]), default=None)
        found[name] = {
            "price": own[-1]["price"],
            "window": (key[2], *minutes[key][:9]),
            "hour": _span(own, end - HOUR_US),
            "day": _span(own, end - 24 * HOUR_US),
            "whale": large and (large["id"], large["side"], large["price"], large["quantity"], large["notional"]),
        }
    return found


def _span(own: list[dict[str, Any]], start: int) -> tuple[Any, ...] | None:
    inside = [fill for fill in own if fill["time"] >= start]
    if not inside:
        return None
    whole = _window(inside)
    with localcontext(prec=60):
        change = round((own[-1]["price"] - whole[0]) / whole[0], 6)
        return change, whole[4], sum(fill["price"] * fill["quantity"] for fill in inside), len(inside)


def reports(trades: list[dict[str, Any]], threshold: Decimal) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """{(exchange, symbol, hour): (whales, bought $, sold $, market's notional, share, the largest)}.

    Each of the largest: (id, price before, prices 1, 5 and 15 minutes after), None where there is none.
    """
    found = {}
    by_symbol: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for fill in sorted(trades, key=lambda fill: (fill["time"], fill["id"])):
        by_symbol[fill["exchange"], fill["symbol"]].append(fill)
    for key, whole in windows(trades, HOUR_US).items():
        own = [
            fill
            for fill in orders(trades, threshold)
            if (fill["exchange"], fill["symbol"], fill["time"] // HOUR_US * HOUR_US) == key
        ]
        with localcontext(prec=60):
            share = (_bought(own, "buy") + _bought(own, "sell")) / whole[5]
        largest = sorted(own, key=lambda fill: (-fill["notional"], fill["id"]))[:10]
        money = (_bought(own, "buy"), _bought(own, "sell"), whole[5], round(share, 9))
        found[key] = (len(own), *money, [_around(by_symbol[key[:2]], fill) for fill in largest])
    return found


def _around(ours: list[dict[str, Any]], whale: dict[str, Any]) -> tuple[Any, ...]:
    """`ours`: the symbol's fills by time and id."""
    place = next(at for at, fill in enumerate(ours) if fill["id"] == whale["id"])
    before = ours[place - 1] if place else None
    found = [before["price"] if before and before["time"] >= whale["time"] - 15 * MINUTE_US else None]
    for minutes in (1, 5, 15):
        until = whale["time"] + minutes * MINUTE_US
        last = [fill for fill in ours[place:] if fill["time"] <= until][-1]
        found.append(last["price"] if ours[-1]["time"] > until else None)
    return whale["id"], *found


def page(trades: list[dict[str, Any]], threshold: Decimal) -> str:
    """The sentence that a day's report begins with, of the day's fills."""
    found = orders(trades, threshold)
    bought, sold = _bought(found, "buy"), _bought(found, "sell")
    more, less = ("bought", "sold") if bought >= sold else ("sold", "bought")
    symbols = len({(fill["exchange"], fill["symbol"]) for fill in trades})
    hours = len({fill["time"] // HOUR_US for fill in trades})
    return (
        f"{len(trades):,} trades of {symbols} symbols in {hours} of 24 hours. {len(found):,} whales moved "
        f"${bought + sold:,.0f}; they {more} ${abs(bought - sold):,.0f} more than they {less}."
    )

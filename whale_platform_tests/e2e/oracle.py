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
    """Each trade once: exchange, symbol, id, price, quantity, taker side, time in microseconds UTC."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for path in files:
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            start = line.find("{")
            frame = json.loads(line[start:]) if start >= 0 else {}
            body = frame.get("data", frame)
            if body.get("e") == "trade":
                side = "sell" if body["m"] else "buy"
                row = ("binance", body["s"], body["t"], body["p"], body["q"], side, body["T"] * 1000)
            elif body.get("type") == "match":
                moment = datetime.fromisoformat(body["time"]).astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
                micros = (moment.days * 86_400 + moment.seconds) * 1_000_000 + moment.microseconds
                side, symbol = FLIP[body["side"]], body["product_id"]
                row = ("coinbase", symbol, body["trade_id"], body["price"], body["size"], side, micros)
            else:
                continue
            names = ("exchange", "symbol", "id", "price", "quantity", "side", "time")
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


def whales(trades: list[dict[str, Any]], threshold: Decimal) -> dict[tuple[str, str, int], tuple[str, Decimal]]:
    """{(exchange, symbol, id): (taker side, notional)} of the dollar fills at or over the threshold."""
    return {
        (fill["exchange"], fill["symbol"], fill["id"]): (fill["side"], fill["price"] * fill["quantity"])
        for fill in trades
        if fill["symbol"].endswith(("USDT", "USD")) and fill["price"] * fill["quantity"] >= threshold
    }

"""Whether the exchanges are reachable from here: a real WebSocket handshake and one REST response each, all at once."""

import ssl
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whale_platform.exchanges.base import Exchange
    from whale_platform.settings import Settings

LIMIT_S = 10.0  # one that refuses, or does not exist, is known at once


@dataclass(slots=True)
class ExchangeReach:
    """One exchange. `streams`: its WebSocket answered; `history`: its REST did; else the reason in words."""

    exchange: str
    streams: bool = False
    history: bool = False
    stream_detail: str = "no answer in time"
    history_detail: str = "no answer in time"


def probe_exchanges(settings: "Settings", limit_s: float = LIMIT_S) -> list[ExchangeReach]:
    """Ask every configured exchange, in parallel, for `limit_s` in all. Raises ValueError for an unknown one."""
    from whale_platform.exchanges import registry

    live = settings.model_copy(update={"source": "live"})
    found: list[ExchangeReach] = []
    threads: list[threading.Thread] = []
    for exchange in registry.build_adapters(live):
        result = ExchangeReach(exchange.name)
        found.append(result)
        symbol = exchange.symbol("BTC") or "BTC"
        for ask in (_probe_stream, _probe_history):
            threads.append(threading.Thread(target=ask, args=(exchange, symbol, result, limit_s), daemon=True))
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit_s + 0.2
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return found


def _probe_stream(exchange: "Exchange", symbol: str, result: ExchangeReach, limit_s: float) -> None:
    from websockets.exceptions import InvalidStatus, WebSocketException
    from websockets.sync.client import connect

    try:
        with connect(exchange.connect_url(), open_timeout=limit_s, close_timeout=0.1):
            pass
    except InvalidStatus as error:
        result.stream_detail = _explain_status(error.response.status_code)
    except (OSError, WebSocketException) as error:
        result.stream_detail = _reason(error)
    else:
        result.streams, result.stream_detail = True, "answers"


def _probe_history(exchange: "Exchange", symbol: str, result: ExchangeReach, limit_s: float) -> None:
    from whale_platform.ingest.transport import rest_client

    url = exchange.check_url(symbol)
    if url is None:
        result.history, result.history_detail = True, "shows none"
        return
    headers = {"User-Agent": rest_client.USER_AGENT, **dict(exchange.request_headers)}
    request = urllib.request.Request(url, headers=headers)
    try:
        with rest_client.OPENER.open(request, timeout=limit_s):
            result.history, result.history_detail = True, "answers"
    except urllib.error.HTTPError as error:
        result.history_detail = _explain_status(error.code)
    except OSError as error:
        result.history_detail = _reason(error)


def _explain_status(code: int) -> str:
    if code == 451:
        return "HTTP 451: the exchange does not serve this country"
    if code in (418, 429):
        return f"HTTP {code}: too many requests from this address, try later"
    return f"HTTP {code}"


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError) else error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, ssl.SSLError):
        return f"TLS: {cause.reason or cause}"
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return text or type(cause).__name__

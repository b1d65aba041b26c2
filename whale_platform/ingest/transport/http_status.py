"""What an HTTP status of an exchange means for the reader of `whale status`, and how long to wait after it."""

from email.utils import parsedate_to_datetime
from time import time

TOO_MANY_S = 60.0
BANNED_S = 300.0
ELSEWHERE_S = 600.0
LONGEST_S = 3 * 86_400.0
ASKED_TO_WAIT = {429: TOO_MANY_S, 418: BANNED_S}


def describe_http_error(exchange: str, status: int) -> str:
    """One sentence about an HTTP status, with what to do."""
    variable = f"WHALE_{exchange.removeprefix('sim_').upper()}"
    if status == 451:
        return (
            f"{exchange} is not served in this country (HTTP 451): set {variable}_WS_URL and {variable}_REST_URL to "
            f"a host that is, or take {exchange} out of WHALE_EXCHANGES"
        )
    if status == 403:
        return f"{exchange} refuses this address (HTTP 403, its firewall): try another network, or wait"
    if status == 429:
        return f"{exchange} says too many requests (HTTP 429): waiting as told"
    if status == 418:
        return f"{exchange} has banned this address for a while (HTTP 418): waiting as told"
    if 300 <= status < 400:
        return (
            f"{exchange} sends to another address (HTTP {status}), which is not followed: if it has moved, set "
            f"{variable}_WS_URL and {variable}_REST_URL"
        )
    if status >= 500:
        return f"{exchange} is in trouble or under maintenance (HTTP {status})"
    return f"{exchange} answers HTTP {status}"


def compute_retry_after_s(status: int, retry_after: str | None) -> float | None:
    """Seconds that must pass before the next try; None where the usual back-off will do."""
    if status in (403, 451):
        return ELSEWHERE_S if status == 451 else TOO_MANY_S
    least = ASKED_TO_WAIT.get(status)
    wait_s = _parse_seconds(retry_after) if least is not None or status == 503 else None
    return wait_s if wait_s is not None else least


def _parse_seconds(text: str | None) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text) if text.strip().isdigit() else parsedate_to_datetime(text).timestamp() - time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 1.0), LONGEST_S)

"""The cursor: where a page ended, as opaque text that the client sends back.

It is the last row's key, so it stays good for ever, also over a restart. It names its listing: a cursor of /whales
sent to /windows is refused instead of giving a page from nowhere.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from whale_platform.api.errors import ApiProblemError
from whale_platform.stores.queries.listings import Listing

INVALID_CURSOR = "cursor: take the value of `next` of the page before, unchanged, or leave it out for the first page"
MAX_ID = 2**63 - 1


def encode_cursor(listing: Listing, row: Sequence[Any]) -> str:
    """The cursor that goes on after this row."""
    values = dict(zip(listing.columns, row, strict=True))
    key = [values[name] for name in listing.key]
    text = json.dumps([listing.table, key[0].isoformat(), *key[1:]], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(listing: Listing, cursor: str) -> list[object]:
    """The key in it. Raises ApiProblemError where it is no cursor of this listing."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        table, time, *rest = json.loads(text)
        key: list[object] = [datetime.fromisoformat(time), *rest]
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise ApiProblemError(422, INVALID_CURSOR) from None
    if table != listing.table or len(key) != len(listing.key) or not _is_valid_key(listing, key):
        raise ApiProblemError(422, INVALID_CURSOR)
    return key


def _is_valid_key(listing: Listing, key: list[object]) -> bool:
    time, *rest = key
    if not isinstance(time, datetime) or time.tzinfo is None or not 1970 < time.year < 9000:
        return False
    for name, value in zip(listing.key[1:], rest, strict=True):
        if name.endswith("_id"):
            if type(value) is not int or abs(value) > MAX_ID:
                return False
        elif not isinstance(value, str) or not value.isprintable():
            return False
    return True

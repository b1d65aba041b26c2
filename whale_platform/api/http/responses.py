"""From rows to bytes: JSON or CSV, compressed where the client can, with an ETag that spares what is known already.

Decimals are strings with all their digits and times RFC 3339 in UTC, alike in JSON and CSV. Run in a worker's thread:
a thousand rows take some milliseconds, which the event loop does not have. ETags are weak: the same for every encoding.
"""

import csv
import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response

JSON, CSV = "application/json", "text/csv; charset=utf-8"
GZIP_FROM = 1_000  # bytes; less is not worth it
GZIP_LEVEL = 1  # a tenth larger than the usual 6, at a third of its time


@dataclass(frozen=True, slots=True)
class ResponsePreferences:
    """What the client asked for beside the rows. `if_none_match`: its If-None-Match."""

    csv: bool = False
    gzip: bool = False
    if_none_match: str = ""

    @classmethod
    def from_headers(cls, headers: Headers, form: str | None = None) -> "ResponsePreferences":
        """By the parameter `format` where given, else by Accept."""
        accept = headers.get("accept", "")
        as_csv = form == "csv" if form else accepts(accept, "text/csv") and not accepts(accept, "application/json")
        return cls(as_csv, accepts_gzip(headers.get("accept-encoding", "")), headers.get("if-none-match", ""))


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is among the encodings, and not with a weight of nought."""
    return accepts(accept_encoding, "gzip", "*")


def accepts(header: str, *names: str) -> bool:
    """Whether the first of `names` in an Accept… header has a weight that is not nought."""
    for part in header.lower().split(","):
        name, *more = (text.strip() for text in part.split(";"))
        if name in names:
            return not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", text) for text in more)
    return False


def matches_etag(match: str, etag: str) -> bool:
    """Whether If-None-Match names this ETag, compared weakly."""
    tags = {tag.strip().removeprefix("W/") for tag in match.split(",")} if match else set()
    return "*" in tags or etag.removeprefix("W/") in tags


def format_time(time: datetime) -> str:
    """Return an aware time in UTC, as `2026-11-21T10:00:00.123456Z`."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def format_number(number: Decimal) -> str:
    """All its digits, never with an exponent."""
    return format(number, "f")


def to_json_value(value: Any) -> Any:
    """As it stands in JSON."""
    if isinstance(value, Decimal):
        return format_number(value)
    if isinstance(value, datetime):
        return format_time(value)
    return value


def encode_json(value: Any) -> bytes:
    """Return `value` as compact JSON in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def encode_json_page(columns: Sequence[str], rows: Iterable[Sequence[Any]], next_cursor: str | None) -> bytes:
    """{"items": […], "next": cursor or null}."""
    items = [dict(zip(columns, map(to_json_value, row), strict=True)) for row in rows]
    return encode_json({"items": items, "next": next_cursor})


def encode_csv_page(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A header and the rows; null is empty, lists are JSON."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_format_cell(to_json_value(value)) for value in row])
    return out.getvalue().encode()


def build_response(
    content: bytes,
    preferences: ResponsePreferences,
    media: str = JSON,
    status: int = 200,
    etag: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer: 304 where the client has it already, gzip where it takes that and it is worth it."""
    etag = etag or f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    out = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding", **(headers or {})}
    if status == 200 and matches_etag(preferences.if_none_match, etag):
        return Response(status_code=304, headers=out)
    if preferences.gzip and len(content) >= GZIP_FROM:
        content, out["Content-Encoding"] = gzip.compress(content, GZIP_LEVEL), "gzip"
    return Response(content, status, out, media)


def _format_cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, bool):
        return "true" if value else "false"
    return value

"""Checks of Host and Origin headers: the defence against pages of other sites.

A page elsewhere may point its own name at 127.0.0.1 (DNS rebinding), and every page may send requests to local ports.
The first is seen by the Host header, the second by Origin. A header that can't be read counts as foreign.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:/@\s]+))(?::[0-9]{1,5})?").fullmatch


def is_loopback(host: str) -> bool:
    """Whether a name or address is that of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def strip_port(host: str) -> str:
    """A Host header without its port: `[::1]:18000` is `::1`; empty for what is no name and port."""
    found = _HOST(host)
    return (found["v6"] or found["name"]).lower() if found else ""


def is_known_host(host: str, names: Iterable[str]) -> bool:
    """Whether a Host header names this machine: by a loopback name, or by one of `names`."""
    name = strip_port(host)
    return is_loopback(name) or name in map(str.lower, names)


def is_same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header is that of the server that was asked by this Host header; `null` never is."""
    try:
        asked = urlsplit(origin)
        port = asked.port
    except ValueError:
        return False
    standard = {"http": ":80", "https": ":443"}.get(asked.scheme)
    if standard is None or not asked.hostname or asked.path or asked.query or asked.fragment:
        return False  # no browser sends such an origin
    return asked.netloc.lower().removesuffix(standard) == host.lower().removesuffix(standard) and port != 0

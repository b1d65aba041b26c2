"""Requests to this machine's own addresses bypass every proxy that the environment names.

HTTP clients differ in what they read: urllib, requests and gRPC take the lower-case variable first, others the
upper-case one, and gRPC prefers `no_grpc_proxy` where it is set. Without this, a machine with `http_proxy` set and no
`no_proxy` asks the proxy for 127.0.0.1, and no request to a service of its own succeeds. Standard library only: the
set-up uses it too.
"""

import os
import urllib.request
from collections.abc import Mapping, MutableMapping

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_GRPC = "no_grpc_proxy"
DIRECT_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # for what is on this machine by design


def build_no_proxy(environ: Mapping[str, str], *hosts: str) -> dict[str, str]:
    """The variables that except loopback, and the hosts `hosts`, from every proxy; what `environ` excepts stays so."""
    merged = _merge_exceptions(",".join(environ.get(name, "") for name in ("no_proxy", "NO_PROXY")), hosts)
    grpc = {_GRPC: _merge_exceptions(environ[_GRPC], hosts)} if environ.get(_GRPC) else {}
    return {"no_proxy": merged, "NO_PROXY": merged, **grpc}


def bypass_proxies(environ: MutableMapping[str, str] = os.environ) -> None:
    """Set these variables for this process and its children; every entry point calls it first."""
    environ.update(build_no_proxy(environ))


def _merge_exceptions(names: str, hosts: tuple[str, ...]) -> str:
    named = [name.strip() for name in names.split(",") if name.strip()]
    return ",".join(dict.fromkeys([*named, *LOOPBACK_NAMES, *hosts]))

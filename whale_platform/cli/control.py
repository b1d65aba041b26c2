"""`whale restart`: one service, by a request that the supervisor takes up."""

import time

from whale_platform.cli import state
from whale_platform.cli.errors import UserError
from whale_platform.homes import Home
from whale_platform.supervision.published import request_restart

WITHIN_S = 90.0


def restart(home: Home, service: str) -> None:
    """Stop and start it, and wait until it is ready. Raises UserError where it is unknown, blocked or late."""
    now = state.snapshot(home)
    if not now["running"]:
        raise UserError("the platform is not running: start it with `whale up`")
    if service not in now["services"]:
        raise UserError(f"there is no service {service!a}: one of {', '.join(now['services'])}")
    before = now["services"][service]
    if before["state"] == "stopped":
        job = f"whale dagster job execute -m whale_platform.definitions -j {service}_start"
        raise UserError(f"{service} was stopped {before['detail']}: start it in Dagster, or with `{job}`")
    request_restart(home.path, service)
    deadline = time.monotonic() + WITHIN_S
    restarted = False
    while time.monotonic() < deadline:
        time.sleep(0.1)
        entry = state.snapshot(home)["services"].get(service, before)
        restarted = restarted or entry["state"] == "starting" or entry["pid"] != before["pid"]
        if restarted and entry["state"] in state.WORKS and entry["pid"] != before["pid"]:
            return
        if restarted and entry["state"] in state.WORKS and entry["pid"] is None:
            return
        if restarted and entry["state"] == "blocked":
            raise UserError(f"{service} is blocked: {entry['detail']}")
    raise UserError(f"{service} is not ready after {WITHIN_S:.0f} s: see `whale logs {service}`")

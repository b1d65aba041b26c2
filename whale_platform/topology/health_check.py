"""`python -S -m whale_platform.topology.health_check SERVICE`: a container's health check, exit code 0 or 1.

It reports what the supervisor publishes, which judges by progress (supervision/liveness.py): that the supervisor is at
work, and the state of the service. `spark-master` and `spark-worker` are checked by HTTP: whether the master responds,
and whether it knows the worker of this host as alive. Standard library only: it runs every few seconds, for ever.
"""

import json
import os
import socket
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from whale_platform.supervision.control.state_files import read_working_state

PUBLISHED_WITHIN_S = 60.0  # it publishes every second; a machine that starves is not dead
RESPONSE_S = 20.0
HEALTHY_STATES = ("ready", "degraded", "stopped")  # stopped: by a person
SPARK_MASTER = ("spark-master", 8080)


def check_service(home: Path, name: str) -> str:
    """What is wrong with the service, empty where nothing is."""
    state = read_working_state(home, name)
    if state is None:
        return f"no supervisor keeps {name}"
    silent_s = time.time() - float(state["at"])
    if silent_s > PUBLISHED_WITHIN_S:
        return f"the supervisor of {name} has said nothing for {silent_s:.0f} s"
    entry = state["services"].get(name, {})
    return "" if entry.get("state") in HEALTHY_STATES else f"{name} is {entry.get('state')}: {entry.get('detail')}"


def check_spark(name: str, host: str, port: int, own_address: str) -> str:
    """The same of Spark's master at `host`, or of the worker that runs on the address `own_address`."""
    try:
        connection = HTTPConnection(host, port, timeout=RESPONSE_S)
        connection.request("GET", "/json/")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError) as error:
        return f"Spark's master does not answer at {host}:{port}: {error}"
    if found.get("status") != "ALIVE":
        return f"Spark's master is {found.get('status')}"
    alive = [worker["host"] for worker in found["workers"] if worker["state"] == "ALIVE"]
    return (
        ""
        if name == "spark-master" or own_address in alive
        else f"the master knows no living worker on {own_address}: {alive}"
    )


def main(name: str) -> int:
    """Print what is wrong; returns the exit code."""
    if name.startswith("spark-"):
        wrong = check_spark(name, *SPARK_MASTER, socket.gethostbyname(socket.gethostname()))
    else:
        wrong = check_service(Path(os.environ["WHALE_HOME"]), name)
    print(wrong or "healthy")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

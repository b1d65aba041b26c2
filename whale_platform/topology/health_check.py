"""`python -S -m whale_platform.topology.health_check SERVICE`: a container's health check, exit code 0 or 1.

Its answer is the supervisor's, which judges by progress (supervision/liveness.py): that one is at work and publishes, and
what it says of the service. `spark-master` and `spark-worker` are asked for by HTTP: whether the master answers, and
whether it knows the worker of this host as alive. Standard library only: it runs every few seconds, for ever.
"""

import json
import os
import socket
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from whale_platform.supervision.control.state_files import read_living

PUBLISHED_S = 60.0  # it publishes every second; a machine that starves is not dead
ANSWER_S = 20.0
FINE = ("ready", "degraded", "stopped")  # stopped: by a person
MASTER = ("spark-master", 8080)


def service(home: Path, name: str) -> str:
    """What is wrong with the service, empty where nothing is."""
    state = read_living(home, name)
    if state is None:
        return f"no supervisor keeps {name}"
    silent_s = time.time() - float(state["at"])
    if silent_s > PUBLISHED_S:
        return f"the supervisor of {name} has said nothing for {silent_s:.0f} s"
    entry = state["services"].get(name, {})
    return "" if entry.get("state") in FINE else f"{name} is {entry.get('state')}: {entry.get('detail')}"


def spark(name: str, host: str, port: int, own: str) -> str:
    """The same of Spark's master at `host`, or of the worker that runs on the address `own`."""
    try:
        connection = HTTPConnection(host, port, timeout=ANSWER_S)
        connection.request("GET", "/json/")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError) as error:
        return f"Spark's master does not answer at {host}:{port}: {error}"
    if found.get("status") != "ALIVE":
        return f"Spark's master is {found.get('status')}"
    alive = [worker["host"] for worker in found["workers"] if worker["state"] == "ALIVE"]
    return "" if name == "spark-master" or own in alive else f"the master knows no living worker on {own}: {alive}"


def main(name: str) -> int:
    """Print what is wrong; returns the exit code."""
    if name.startswith("spark-"):
        wrong = spark(name, *MASTER, socket.gethostbyname(socket.gethostname()))
    else:
        wrong = service(Path(os.environ["WHALE_HOME"]), name)
    print(wrong or "healthy")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""`python -m whale_platform_tests.api.push.serve PORT BOOTSTRAP [DSN]`: a small app with the live push, for tests."""

import sys

import uvicorn
from fastapi import FastAPI

from whale_platform.api.errors import ApiProblemError
from whale_platform.api.http.problems import handle_problem
from whale_platform.api.push.app import PushApp
from whale_platform.api.push.fanout.client_limits import ClientLimits
from whale_platform.api.server.push_server import UVICORN_OPTIONS, PushServer, open_listening_socket
from whale_platform.kafka_cluster import KafkaCluster


def main(port: int, bootstrap: KafkaCluster, dsn: str | None = None) -> None:
    """Serve until SIGTERM."""
    live = PushApp(
        bootstrap,
        (lambda: dsn) if dsn else None,
        limits=ClientLimits(per_address=300, idle_s=2.0, send_s=3.0, heartbeat_s=2.0),
    )

    app = FastAPI(exception_handlers={ApiProblemError: handle_problem})
    app.include_router(live.router)
    app.add_api_route("/numbers", live.read_metrics)
    config = uvicorn.Config(app, log_level="warning", **UVICORN_OPTIONS)
    PushServer(config, live).run([open_listening_socket("127.0.0.1", port)])


if __name__ == "__main__":
    main(int(sys.argv[1]), KafkaCluster(sys.argv[2]), *sys.argv[3:])

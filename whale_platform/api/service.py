"""Puts the API together from the settings and serves it until it is stopped.

uvicorn runs in a thread with an event loop of its own, in which the live push lives too, the feeder in another; this
one waits for `stop`. While Postgres is unavailable, `/latest` answers from what it had and says so. The API refuses to
listen beyond this machine without keys, unless `WHALE_API_OPEN` says that this is meant.
"""

import gc
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import uvicorn

from whale_platform import host_headers
from whale_platform.api import app as apps
from whale_platform.api.endpoints.dependencies import AppDependencies
from whale_platform.api.errors import KeyFileError
from whale_platform.api.latest_cache.updater import CacheUpdater
from whale_platform.api.monitoring.feed_report import read_exchange_feeds
from whale_platform.api.monitoring.health import describe_silent_services
from whale_platform.api.server.bounded_protocol import bind_protocol
from whale_platform.api.server.connection_registry import ConnectionRegistry, reserve_sockets
from whale_platform.api.server.push_server import BACKLOG, UVICORN_OPTIONS, PushServer, open_listening_socket
from whale_platform.api.server.refusal_log import LibraryLogHandler
from whale_platform.api.server.trusted_proxies import ForwardedMiddleware, TrustedProxies
from whale_platform.settings import Settings
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.runner import ServiceContext

CONNECTIONS = 6  # to Postgres, and threads that ask it, two of them for /health and /metrics alone
PORT_WAIT_S = 5.0  # then it is tried again by whoever keeps the API alive
FEEDER_S = 120.0  # several questions in a row, each of which Postgres may take 10 s for
WORKERS_S = 180.0  # as many as may wait (thread_pool.py) may take 4 s each, to connect included
STOP_S = 3


def main(context: ServiceContext) -> int:
    """Serve until stopped; returns the exit code."""
    settings = context.settings
    dsn = partial(settings.dsn, "api")
    pool = ConnectionPool(dsn, "whale-api", CONNECTIONS)
    try:
        alone = host_headers.is_loopback(settings.api_host)
        named = alone and "*" not in settings.api_cors  # with a `*` any page reads all with its user's browser
        without = settings.api_open or named
        dependencies = AppDependencies(
            settings,
            pool,
            open_without_keys=without,
            local_only=alone,
            connections=ConnectionRegistry(reserve_sockets()),
        )
    except KeyFileError as error:
        return context.report_blocked(str(error))
    if not dependencies.open_without_keys and not dependencies.keys.has_keys:
        why = f"WHALE_API_HOST={settings.api_host} is not this machine alone"
        if alone:
            why = "WHALE_API_CORS=* lets every page read everything"
        return context.report_blocked(
            f"{why} and there is no key: make one with `whale api-key add NAME`, or set WHALE_API_OPEN=true to let "
            "everybody in"
        )
    if not alone and not settings.api_proxies:
        context.log.warning("keys and answers are sent unencrypted: put a proxy that speaks TLS before this port")
    listening = _listen(settings, context.stop)
    if isinstance(listening, str):
        context.report_state("degraded", listening)  # whoever has the port may go: the supervisor tries again
        return exit_codes.RETRY
    logging.getLogger().addHandler(LibraryLogHandler())
    sys.setswitchinterval(0.0002)  # a thread that makes a page may hold up the event loop by so much, not by 5 ms
    feeding = ConnectionPool(dsn, "whale-api-feeder", 1, statement_timeout_s=10.0)

    def report_trouble(problem: str) -> None:
        context.record_progress("feeder", FEEDER_S)
        context.report_state("degraded" if problem else "ready", problem)

    def read_service_trouble() -> str:
        context.record_progress("feeder", FEEDER_S)
        return describe_silent_services(settings)

    feeder = CacheUpdater(
        dependencies.latest,
        feeding,
        partial(dsn, direct=True),
        report_trouble,
        read_service_trouble,
        partial(read_exchange_feeds, settings),
    )
    threading.Thread(target=feeder.run, args=(context.stop,), name="feeder", daemon=True).start()
    server = _build_server(dependencies, lambda: context.record_progress("event loop"))
    gc.collect()
    gc.freeze()  # what the app is made of stays, and need not be gone through again and again
    http = threading.Thread(target=server.run, args=([listening],), name="http", daemon=True)
    http.start()
    while not context.stop.wait(0.2) and http.is_alive():
        context.record_progress()
        dependencies.table_threads.heartbeat_when_free(lambda: context.record_progress("workers", WORKERS_S))
        context.heartbeat.numbers.update(reads=feeder.reads, connects=feeder.connects)
    failed = not http.is_alive()
    dependencies.close()
    server.should_exit = True
    http.join(STOP_S + 1)
    pool.close()
    feeding.close()
    return exit_codes.RETRY if failed else exit_codes.CLEAN


def _build_server(dependencies: AppDependencies, progress: Callable[[], None]) -> uvicorn.Server:
    served, _ = apps.build_app(dependencies)
    proxies = TrustedProxies(dependencies.settings.api_proxies)
    config = uvicorn.Config(
        ForwardedMiddleware(served, proxies),
        http=bind_protocol(dependencies.connections, dependencies.refusals, proxies),
        loop="uvloop",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # ours also counts connections
        backlog=BACKLOG,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=STOP_S,
        **UVICORN_OPTIONS,
    )
    return PushServer(config, dependencies.push, progress)


def _listen(settings: Settings, stop: threading.Event) -> socket.socket | str:
    """The socket, or why there is none. The process before may need a moment to release the port."""
    deadline = time.monotonic() + PORT_WAIT_S
    while True:
        try:
            return open_listening_socket(settings.api_host, settings.api_port)
        except OSError as error:
            if time.monotonic() > deadline or stop.wait(0.2):
                return f"WHALE_API_HOST={settings.api_host} WHALE_API_PORT={settings.api_port}: {error.strerror}"

"""Dagster's webserver behind `dagster_access`: `python -m whale_platform.embedded.dagster_webserver WORKSPACE.YAML`.

Made of Dagster's own parts as its command line makes it, so that nothing of it can be reached past that check. Ends on
SIGTERM and SIGINT once open requests are answered, or after a few seconds.
"""

import logging
import sys
from pathlib import Path
from typing import Any

import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.requests import Request
from starlette.responses import JSONResponse

from whale_platform.embedded.dagster_access import DagsterAccessCheck, has_only_queries
from whale_platform.settings import Settings

STATEMENT_MS, POOL_S, POOL_MORE = 15_000, 3_600, 20  # as Dagster's own command line sets them
POLL_MS = 2_000  # how often a page asks for what has changed
GOODBYE_S = 3


class QueryOnlyWebserver(DagsterWebserver[Any, Any]):
    """Dagster's, but a GET changes nothing."""

    async def execute_graphql_request(
        self, request: Request, query: str, variables: dict[str, Any] | None, operation_name: str | None
    ) -> JSONResponse:
        """As Dagster's; 403 for a GET with anything but queries, judged by the very text that would be executed."""
        if request.method != "POST" and not has_only_queries(query):
            return JSONResponse({"errors": [{"message": "A GET may only query: send mutations by POST."}]}, 403)
        answer: JSONResponse = await super().execute_graphql_request(request, query, variables, operation_name)
        return answer


def main(workspace: Path) -> None:
    """Serve until told to end."""
    settings = Settings()
    configure_loggers(formatter="colored", log_level="INFO")
    names = (*settings.dagster_hosts, *({settings.bind} - {"0.0.0.0", "::"}))
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_MS, POOL_S, POOL_MORE)
        target = WorkspaceFileTarget([str(workspace)])
        with WorkspaceProcessContext(instance, version=__version__, workspace_load_target=target) as context:
            app = DagsterAccessCheck(QueryOnlyWebserver(context, "", POLL_MS).create_asgi_app(), names)
            logging.getLogger("dagster-webserver").info("Serving Dagster's UI on port %d", settings.dagster_port)
            uvicorn.run(
                app,
                host=settings.bind,
                port=settings.dagster_port,
                log_level="warning",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GOODBYE_S,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

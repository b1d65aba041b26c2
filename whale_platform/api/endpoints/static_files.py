"""The dashboard's files and the three it loads from others, by a table that is made at the start.

No part of a request ever becomes part of a path: an address stands in the table, or there is nothing at it. An edited
file is served as it is now; a new one from the next start on. Where the files from others are not installed, the page
and their addresses answer 503 with the command that installs them.
"""

from collections.abc import Iterator
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from whale_platform.api.errors import ApiProblemError
from whale_platform.api.http import problems
from whale_platform.api.http.cached_file import CachedFile
from whale_platform.api.http.responses import ResponsePreferences, matches_etag
from whale_platform.toolchain import web_assets

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
AT_ROOT = {
    "/": "index.html",
    "/sw.js": "sw.js",  # a service worker rules only what lies beside and below it
    "/manifest.webmanifest": "manifest.webmanifest",
    "/favicon.ico": "icons/favicon.png",
}
VENDOR = {
    "/vendor/lightweight-charts.js": "lightweight-charts/dist/lightweight-charts.standalone.production.mjs",
    "/vendor/uplot.js": "uplot/dist/uPlot.esm.js",
    "/vendor/uplot.css": "uplot/dist/uPlot.min.css",
}
MISSING = "the charts are not installed: run `./whale`, which installs them, and load this page again"
_EXCUSE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Whale Platform</title><h1>Whale Platform</h1>"
    "<p>The charts are not installed: run <code>./whale</code>, which installs them, and load this page again.</p>"
)


def is_dashboard_path(path: str) -> bool:
    """Whether this address is the dashboard's own: it needs no key."""
    return path in AT_ROOT or path.startswith(("/dashboard/", "/vendor/"))


def build_router(tools: Path, dashboard: Path = DASHBOARD) -> APIRouter:
    """The addresses of `VENDOR` and of what lies in `dashboard` now; the description has none of them."""
    routes = APIRouter()
    vendor = [CachedFile(web_assets.node_modules_path(tools) / name) for name in VENDOR.values()]
    for path, file in [*zip(VENDOR, vendor, strict=True), *_list_own_files(dashboard)]:
        needs = [file] if file in vendor else vendor if path == "/" else []
        routes.add_route(path, _Page(path, file, needs).get, ["GET"], include_in_schema=False)
    return routes


def _list_own_files(dashboard: Path) -> Iterator[tuple[str, CachedFile]]:
    files = {
        path.relative_to(dashboard).as_posix(): CachedFile(path)
        for path in sorted(dashboard.rglob("*"))
        if path.suffix in MEDIA_TYPES and path.is_file()
    }
    yield from ((path, files[name]) for path, name in AT_ROOT.items() if name in files)
    yield from ((f"/dashboard/{name}", file) for name, file in files.items())


class _Page:
    """One address. `needs`: the files from others without which it would be of no use."""

    def __init__(self, path: str, file: CachedFile, needs: list[CachedFile]) -> None:
        self._path, self._file, self._needs = path, file, needs
        self._media = MEDIA_TYPES[file.path.suffix]

    def get(self, request: Request) -> Response:
        """The file, 304 where the client has it, 503 where what it needs is not installed."""
        try:
            for file in self._needs:
                file.path.stat()
            ready, preferences = self._file.read(), ResponsePreferences.from_headers(request.headers)
        except FileNotFoundError:
            return self._build_missing_response()
        headers = {
            "ETag": ready.etag,
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
            "Content-Security-Policy": CSP,  # also on a 304: browsers keep its headers in place of the first ones
        }
        if matches_etag(preferences.if_none_match, ready.etag):
            return Response(status_code=304, headers=headers)
        if preferences.gzip and ready.compressed is not None:
            return Response(ready.compressed, 200, {**headers, "Content-Encoding": "gzip"}, self._media)
        return Response(ready.body, 200, headers, self._media)

    def _build_missing_response(self) -> Response:
        if self._path == "/":
            headers = {"Cache-Control": "no-store", "Content-Security-Policy": CSP}
            return Response(_EXCUSE, 503, headers, MEDIA_TYPES[".html"])
        if self._needs:
            return problems.build_problem_response(ApiProblemError(503, MISSING))
        return problems.build_problem_response(
            ApiProblemError(404, "this file was here when the API was started and has been deleted")
        )

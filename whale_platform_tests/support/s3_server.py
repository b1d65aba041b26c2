"""An S3 server on this machine: moto behind a lock, so that a conditional PUT is one step as it is in a real store.

Run as a program it prints its port. moto checks no log-in by itself: here a request is refused unless its key is
`KEY`, or `READER`, which may only read.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Iterable
from typing import Any

import httpx2 as httpx

from whale_platform.settings import ROOT

KEY, READER, SECRET = "AKIAWHALETEST", "AKIAWHALEREADER", "wh4le-s3cret-of-the-tests"
BUCKET = "whale-test"
REFUSED = "<Error><Code>{}</Code><Message>refused</Message></Error>"
_key = re.compile(r"Credential=([^/]+)/").search


class S3Server:
    """The server, started; `environment` is what a process needs to use it."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", __name__]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        self.endpoint = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.create_bucket(BUCKET)

    def create_bucket(self, name: str) -> None:
        self._put(name)

    def mark_folder(self, name: str) -> None:
        """Write the empty object by which Hadoop marks a folder of the bucket."""
        self._put(f"{BUCKET}/{name}/")

    def _put(self, path: str) -> None:
        credential = f"Credential={KEY}/20260101/us-east-1/s3/aws4_request"
        login = {"Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=none"}
        httpx.put(f"{self.endpoint}/{path}", headers=login).raise_for_status()

    def environment(self, prefix: str) -> dict[str, str]:
        """The settings by which everything shared lies in `prefix` of the bucket."""
        return {
            "WHALE_SHARED": f"s3://{BUCKET}/{prefix}",
            "WHALE_S3_ENDPOINT": self.endpoint,
            "WHALE_S3_KEY": KEY,
            "WHALE_S3_SECRET": SECRET,
        }

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def serve() -> None:
    """Serve until stdin ends, as it does with whoever started this; the port goes to stdout."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    moto, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def respond(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        found = _key(environ.get("HTTP_AUTHORIZATION", ""))
        key = found[1] if found else ""
        code = {KEY: "", READER: "AccessDenied"}.get(key, "InvalidAccessKeyId")
        if code and not (key == READER and environ["REQUEST_METHOD"] in ("GET", "HEAD")):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("403 Forbidden", [("Content-Type", "application/xml")])
            return [REFUSED.format(code).encode()]
        with lock:
            return [b"".join(moto(environ, start))]

    server = make_server("127.0.0.1", 0, respond, threaded=True)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    serve()

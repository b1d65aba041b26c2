"""`.venv/bin/python -m whale_platform_tests.references` writes docs/reference again.

A Postgres is started for the tables, on a free port and in a temporary folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from whale_platform.stores.migrate import migrate
from whale_platform_tests.references import tables_page
from whale_platform_tests.references.pages import FOLDER, PAGES, TABLES
from whale_platform_tests.support.postgres_server import PostgresServer, settings_for


def main() -> None:
    """Write every page."""
    for name, render in PAGES.items():
        write(name, render())
    with _database() as dsn:
        write(TABLES, tables_page.render(dsn))


def write(name: str, text: str) -> None:
    """Write one page, and say so where it changes."""
    path = FOLDER / name
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        print(path)


@contextmanager
def _database() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder))
        server.start()
        try:
            dsn = server.create_database()
            migrate(settings_for(dsn, Path(folder)), wait_s=5)
            yield dsn
        finally:
            server.stop()


main()

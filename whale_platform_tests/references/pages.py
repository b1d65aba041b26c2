"""Which pages there are, where they lie, and the page that needs a Postgres."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from whale_platform.contracts.catalogue import CONTRACTS
from whale_platform_tests.references import api_page, cli_page, metrics_page, settings_page, topics_page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "api.md": api_page.render,
    "cli.md": cli_page.render,
    "metrics.md": metrics_page.render,
    "settings.md": settings_page.render,
    "topics.md": topics_page.render,
    "schemas/stream.json": api_page.render_stream_schema,
    **{f"schemas/{topic}.json": partial(topics_page.render_schema, topic) for topic in CONTRACTS},
}
TABLES = "tables.md"

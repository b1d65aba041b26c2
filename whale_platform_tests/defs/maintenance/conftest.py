"""Dagster's real storage: an instance whose tables are in a database of the tests' Postgres."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest


@pytest.fixture
def storage(empty_database: str) -> str:
    """The DSN of the instance's own database."""
    return empty_database


@pytest.fixture
def instance(storage: str, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on it."""
    settings = {"storage": {"postgres": {"postgres_url": storage}}, "telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(tmp_path), settings) as made:
        yield made

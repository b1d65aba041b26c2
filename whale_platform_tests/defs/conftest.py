"""The database fixtures for this folder, and the environment of the platform's own Dagster."""

from pathlib import Path

import pytest

from whale_platform.embedded import dagster
from whale_platform.settings import Settings
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server

__all__ = ["database", "empty_database", "postgres_server"]


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of the platform's own Dagster."""
    given = {"home": tmp_path, "postgres_dsn": "postgresql://nobody@127.0.0.1:1/whale"}
    env = dagster.dagster_environment(Settings.model_validate(given))
    for name in ("DAGSTER_HOME", dagster.INSTANCE_VARIABLE):
        monkeypatch.setenv(name, env[name])

"""Settings of others' servers: whose password goes where, paths that services find again, copies that can't be."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from whale_platform.settings import Settings
from whale_platform.supervision.runtime.settings_reader import describe_setting_error

OWNER = "postgresql://whale@db:5432/whale"


def test_the_owners_password_goes_to_the_owners_server_alone(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("p@ss\n")
    given = {"postgres_dsn": OWNER, "postgres_password_file": file, "api_postgres_dsn": "postgresql://me@replica/whale"}
    settings = Settings.model_validate(given)
    assert settings.dsn() == settings.dsn("sink") == "postgresql://whale:p%40ss@db:5432/whale"
    assert settings.dsn("api") == "postgresql://me@replica/whale"


def test_dagsters_storage_is_the_owners_in_someone_elses_server() -> None:
    """Its own log-in may read and write the platform's tables, and can make none."""
    settings = Settings.model_validate({"postgres_dsn": OWNER, "dagster_postgres_dsn": "postgresql://d:x@db/whale"})
    assert settings.dagster_dsn_text() == "postgresql://whale@db:5432/dagster"
    assert settings.dsn("dagster") == "postgresql://d:x@db/whale"


def test_no_password_is_shown_wherever_it_stands() -> None:
    for dsn in ("postgresql://u:geheim@h/db", "postgresql://u@h/db?password=geh@eim", "postgresql://h/db?password=eim"):
        assert "eim" not in Settings.model_validate({"postgres_dsn": dsn}).public_dsn()


def test_a_relative_path_is_where_the_command_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.model_validate({"shared": "shared", "lake": "lake"})
    assert (settings.shared, settings.lake) == (tmp_path / "shared", tmp_path / "lake")
    assert settings.environment()["WHALE_SHARED"] == str(tmp_path / "shared")


def test_more_copies_in_step_than_there_are_is_one_line() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"topic_replication": 2, "topic_min_insync": 3})
    line = describe_setting_error(refused.value, {})
    assert line == "WHALE_TOPIC_MIN_INSYNC=3: it is more than WHALE_TOPIC_REPLICATION: nothing could be written"


def test_a_role_that_has_no_log_in_yet_says_what_makes_it(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path})
    with pytest.raises(FileNotFoundError, match="has never started"):
        settings.dsn("dagster")
    settings.role_password_file("owner").write_text("x")
    with pytest.raises(FileNotFoundError, match="whale restart --all"):
        settings.dsn("dagster")

"""Addresses and log-ins of an object store: read from settings and AWS's variables, or refused with what to correct."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from whale_platform.settings import Settings
from whale_platform.storage import folders, object_files

SECRET = "wh4le-s3cret-of-the-tests"
LOG_IN = {"s3_key": "AKIAWHALETEST", "s3_secret": SECRET}


@pytest.fixture(autouse=True)
def no_other_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "ENDPOINT_URL", "REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)


def read(**given: object) -> Settings:
    return Settings.model_validate(given)


def test_what_is_shared_may_lie_in_an_object_store(tmp_path: Path) -> None:
    settings = read(home=tmp_path, shared="s3://bucket/team/whale/", **LOG_IN)
    assert str(settings.stream_home) == "s3://bucket/team/whale"
    assert folders.spark_path(settings.trades_lake) == "s3a://bucket/team/whale/lake/trades"
    assert folders.scratch_folder(settings.trades_lake) == settings.local_lake == tmp_path / "lake"
    assert settings.local_stream_home == tmp_path
    apart = read(home=tmp_path, shared=str(tmp_path / "shared"), lake="s3://bucket", **LOG_IN)
    assert (apart.stream_home, str(apart.trades_lake)) == (tmp_path / "shared", "s3://bucket/trades")
    assert read(home=tmp_path, shared="relative").shared == Path.cwd() / "relative"
    assert read(home=tmp_path, shared=str(tmp_path)).object_store is None


def test_a_child_gets_the_same_object_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    given = read(shared="s3://bucket", s3_key="AKIA", s3_secret_file=str(file), s3_endpoint="http://store:9000/")
    for name, text in given.environment().items():
        monkeypatch.setenv(name, text)
    assert Settings().object_store == given.object_store
    assert given.object_store is not None
    assert given.object_store.java_secrets() == {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": SECRET}


def test_awss_own_variables_count_where_ours_are_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://store.example.org")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    store = read(lake="s3://bucket/x").object_store
    assert store is not None
    assert (store.key, store.endpoint, store.region) == ("AKIAOTHER", "https://store.example.org", "eu-central-1")
    own = read(lake="s3://bucket/x", s3_key="AKIA", s3_endpoint="http://127.0.0.1:9000", s3_region="a").object_store
    assert own is not None
    assert (own.key, own.endpoint, own.region) == ("AKIA", "http://127.0.0.1:9000", "a")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shared": "s3://bucket"}, "set WHALE_S3_KEY and WHALE_S3_SECRET"),
        ({"lake": "s3://bucket", "s3_key": "AKIA"}, "set WHALE_S3_KEY and WHALE_S3_SECRET"),
        (
            {"shared": "s3://bucket", "s3_secret_file": "/none", "s3_key": "AKIA"},
            "WHALE_S3_SECRET_FILE: /none can't be",
        ),
        ({"shared": "s3://bucket", "s3_secret_file": "/none", **LOG_IN}, "given twice"),
        ({"shared": "s3://", **LOG_IN}, "s3://BUCKET/PREFIX"),
        ({"shared": "s3://Bucket_of/x", **LOG_IN}, "s3://BUCKET/PREFIX"),
        ({"shared": "s3://bucket/a b", **LOG_IN}, "s3://BUCKET/PREFIX"),
        ({"shared": "s3://bucket/a//b", **LOG_IN}, "s3://BUCKET/PREFIX"),
        ({"shared": "s3://bucket/a/../b", **LOG_IN}, "s3://BUCKET/PREFIX"),
        ({"lake": "gs://bucket/x", **LOG_IN}, "gs:// is not supported"),
        ({"shared": "s3://bucket", "s3_endpoint": "store:9000", **LOG_IN}, "https://HOST:PORT"),
        ({"shared": "s3://bucket", "s3_endpoint": "http://store/x", **LOG_IN}, "https://HOST:PORT"),
        ({"shared": "s3://bucket", "s3_endpoint": "http://store:none", **LOG_IN}, "https://HOST:PORT"),
    ],
)
def test_what_can_not_work_says_which_setting_to_correct(given: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(**given)
    assert words in str(refused.value)
    assert SECRET not in str(refused.value)


def test_no_text_and_no_spark_setting_holds_the_secret(tmp_path: Path) -> None:
    settings = read(home=tmp_path, shared="s3://bucket/x", **LOG_IN)
    store = settings.object_store
    assert store is not None
    for text in (repr(settings), repr(store), str(store), repr(settings.stream_home), store.build_hadoop_options()):
        assert SECRET not in str(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("404 Not Found: <Error><Code>NoSuchBucket</Code>", "has no bucket lake: create it"),
        ("403 Forbidden: <Error><Code>AccessDenied</Code>", "refused lake/a (AccessDenied): correct WHALE_S3_KEY"),
        ("HTTP error: error sending request", "failed at lake/a (HTTP error: error sending request): see WHALE_S3_END"),
    ],
)
def test_a_failure_is_one_sentence_for_a_person(text: str, words: str) -> None:
    assert words in object_files.explain_failure(text, "lake/a")

"""docs/reference says what the code says."""

import re
from pathlib import Path

import pytest

from whale_platform import kafka_cluster
from whale_platform.api.monitoring import metrics
from whale_platform.broker import topics
from whale_platform.cli.lifecycle.machine_checks import MARKS, SET_UP
from whale_platform.contracts.catalogue import CONTRACTS
from whale_platform.embedded import dagster
from whale_platform.settings import ROOT, Settings
from whale_platform_tests.references import metrics_page, settings_page, tables_page
from whale_platform_tests.references.markdown import COMMAND
from whale_platform_tests.references.pages import FOLDER, PAGES, TABLES

VARIABLE = r"WHALE_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_])"  # not the beginning of several, as in `WHALE_API_…`
NAMING = ("README.md", "docs/**/*.md", "docker-compose.yml", "Dockerfile", "deploy/**/*.*", "whale_platform/**/*.py")
OTHERS = {
    *("WHALE_ARTEFACTS", "WHALE_STARVED", "WHALE_TEST_ENGINE"),  # the tests'
    *("WHALE_COMMIT", "WHALE_POSTGRES_PASSWORD_PATH", "WHALE_RECORDINGS"),  # the image's and Compose's
    *(
        dagster.INSTANCE_VARIABLE,
        kafka_cluster.JAAS_VARIABLE,
        kafka_cluster.KEY_VARIABLE,
        kafka_cluster.KEY_PASSWORD_VARIABLE,
    ),  # for child processes alone
    *("WHALE_ALERTS", "WHALE_EVERY", "WHALE_KINDS"),  # names of Python
}


def compare(name: str, text: str) -> None:
    path = FOLDER / name
    there = path.read_text() if path.exists() else ""
    assert there == text, f"docs/reference/{name} is out of date: run `{COMMAND}` again"


def test_every_setting_has_a_meaning() -> None:
    told = settings_page.meanings()
    fields = Settings.model_fields.items()
    assert [name for name, field in fields if not (told.get(name) or field.description)] == []


def test_every_metric_that_the_code_names_is_on_the_page() -> None:
    text = metrics_page.render()
    named = re.findall(r'"(whale_[a-z_]+)"', Path(metrics.__file__).read_text())
    assert named and [name for name in named if not re.search(f"`{name}(_total)?`", text)] == []


def test_every_topic_is_on_the_page() -> None:
    assert list(CONTRACTS) == list(topics.CONFIG)


def test_every_variable_that_is_named_anywhere_is_one() -> None:
    known = {f"WHALE_{name.upper()}" for name in Settings.model_fields} | SET_UP.keys() | set(MARKS) | OTHERS
    files = [path for pattern in NAMING for path in ROOT.glob(pattern)]
    named = {name: path for path in files for name in re.findall(VARIABLE, path.read_text())}
    assert {name: path for name, path in named.items() if name not in known} == {}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    compare(name, PAGES[name]())


def test_the_page_of_tables_is_what_the_database_says(database: str) -> None:
    compare(TABLES, tables_page.render(database))

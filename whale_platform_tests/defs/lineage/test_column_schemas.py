"""Column schemas tell the truth: topics as their messages are, tables as the database says."""

import pytest

from whale_platform.contracts.catalogue import CONTRACTS
from whale_platform.defs.lineage import column_schemas

KINDS = {"string": str, "integer": int, "boolean": bool, "array": list}


@pytest.mark.parametrize("topic", CONTRACTS)
def test_a_topics_columns_are_those_of_its_message(topic: str) -> None:
    example = CONTRACTS[topic].example
    columns = {column.name: column for column in column_schemas.describe_topic(topic).columns}
    assert example.keys() <= columns.keys()
    assert all(columns[name].constraints.nullable for name in columns.keys() - example.keys())
    assert [name for name, value in example.items() if not isinstance(value, KINDS[columns[name].type])] == []


def test_a_tables_columns_come_from_the_database_with_their_comments(database: str) -> None:
    told = {column.name: column for column in column_schemas.describe_table(database, "hourly_rollups").columns}
    assert told["hour"].type == "timestamp with time zone"
    assert told["hour"].description == "first instant of the hour"
    assert not told["hour"].constraints.nullable
    assert column_schemas.describe_table(database, "nothing_like_it").columns == []

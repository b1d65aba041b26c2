"""Allowed SQL: one statement that only reads, tables by name and a few harmless functions.

It is parsed before it runs. The lists are needed: a COPY within a WITH looks like a SELECT, and DuckDB's own lock lets
it write over the very files it lets the question read. Raises InvalidStatementError for all else.
"""

import json
import re
from typing import Any

import duckdb

from whale_platform.lake.errors import InvalidStatementError

ALLOWED_FUNCTIONS = frozenset(
    ("range", "generate_series", "unnest", "json_each", "json_tree", "duckdb_functions", "duckdb_types")
)
ALLOWED_NODES = frozenset(("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"))
ALLOWED_STATEMENTS = (
    "one statement that reads is answered here: SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE or EXPLAIN "
    "(a PIVOT: `FROM (PIVOT … ON side IN ('buy', 'sell') …)`)"
)
_EXPLAIN = re.compile(r"\s*explain\s+(?:analyze\s+)?(?=\w)", re.IGNORECASE)


def validate_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """Tables that the statement needs, in lower case. Raises InvalidStatementError for what is not one statement that
    reads."""
    plain = _EXPLAIN.sub("", sql, count=1) if _EXPLAIN.match(sql) else sql
    found = connection.execute("SELECT json_serialize_sql(?)", [plain]).fetchone()
    parsed = json.loads(found[0]) if found else {}
    if parsed.get("error_type") == "parser":
        raise InvalidStatementError(describe_sql_error(parsed["error_message"], False))
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise InvalidStatementError(ALLOWED_STATEMENTS)
    names = set()
    nodes: list[tuple[Any, frozenset[str]]] = [(parsed["statements"], frozenset())]
    while nodes:
        node, hidden = nodes.pop()
        if isinstance(node, dict):
            name = _check_node(node)
            if name is not None and name not in hidden:
                names.add(name)
            if node.get("type") == "RECURSIVE_CTE_NODE":
                hidden |= {node["cte_name"].lower()}
            parts = dict(node)
            for item in parts.pop("cte_map", {}).get("map", []):
                nodes.append((item["value"], hidden))
                hidden |= {item["key"].lower()}
            nodes.extend((part, hidden) for part in parts.values())
        elif isinstance(node, list):
            nodes.extend((part, hidden) for part in node)
    return names


def _check_node(node: dict[str, Any]) -> str | None:
    kind = node.get("type")
    if isinstance(kind, str) and kind.endswith("_NODE") and kind not in ALLOWED_NODES:
        raise InvalidStatementError(ALLOWED_STATEMENTS)
    if kind == "TABLE_FUNCTION" and node["function"]["function_name"].lower() not in ALLOWED_FUNCTIONS:
        raise InvalidStatementError(f"{node['function']['function_name']}() is not for questions: name a table instead")
    if kind == "SHOW_REF" and node.get("show_type") == "SHOW_SPECIAL":
        raise InvalidStatementError("`whale query` without a statement shows the tables")
    if kind in ("BASE_TABLE", "SHOW_REF") and node["schema_name"].lower() in ("", "main", "public"):
        return str(node["table_name"]).lower() or None
    return None


def describe_sql_error(text: str, named: bool) -> str:
    """DuckDB's own words in one line, with its hint and without the drawing; `named`: say where the names are."""
    words = " ".join(text.partition("\nLINE ")[0].split()).rstrip("!.")
    return f"{words}: `whale query` without a statement shows the tables and columns" if named else words

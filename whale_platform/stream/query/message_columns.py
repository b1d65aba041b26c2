"""Messages of the contracts as Spark columns: the fields in the order of their contract."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from whale_platform.contracts.message_contract import MessageContract, MessageField


def build_struct(contract: MessageContract, rows: DataFrame, more: Mapping[str, Column]) -> Column:
    """A message as a struct of its fields, from `more` or the columns of `rows`; those in neither are left out."""
    return F.struct(*[column.alias(field.name) for field, column in _select_columns(contract, rows, more)])


def build_json(contract: MessageContract, rows: DataFrame, more: Mapping[str, Column]) -> Column:
    """A message as JSON, written out, since to_json would take longer than the window's state.

    Texts are not escaped: no text of a good trade needs it.
    """
    parts: list[Column] = []
    for field, column in _select_columns(contract, rows, more):
        text = column.cast("string")
        text = text if field.kind in ("integer", "time") else F.concat(F.lit('"'), text, F.lit('"'))
        text = F.coalesce(text, F.lit("null")) if field.nullable else text
        parts += [F.lit(f'{"," if parts else "{"}"{field.name}":'), text]
    return F.concat(*parts, F.lit("}"))


def _select_columns(
    contract: MessageContract, rows: DataFrame, more: Mapping[str, Column]
) -> list[tuple[MessageField, Column]]:
    """Each field of the message that is in `more` or is a column of `rows`, in the contract's order."""
    version = {} if contract.version is None else {"v": F.lit(contract.version)}
    there = {name: F.col(name) for name in rows.columns} | version | dict(more)
    fields = (MessageField("v", "integer"), *contract.fields) if version else contract.fields
    return [(field, there[field.name]) for field in fields if field.name in there]

"""The fields of raw trades: cut out of messages that look as the ingester writes them, parsed as JSON of all others.

One regular expression finds out and cuts; against Spark's JSON parser and the checks that its leniency needs, that was
a third less CPU a trade (`whale bench messages` measures what it takes). Either way a message has the same values: the
tests compare them for messages that differ from written ones by a byte. Nothing here fails: a message that is neither
has no fields.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from whale_platform.contracts import raw_trade
from whale_platform.contracts.written_trade import NOT_DENSE, WRITTEN_FIELDS, WRITTEN_PATTERN

LAKE_FIELDS = ("dense", "taker_order_id")  # which the lake alone reads
JSON_OPTIONS = {"allowSingleQuotes": "false"}
_SEPARATOR = "\x01"  # is in no part of a written message
_CUT = _SEPARATOR.join(f"${number}" for number in range(1, len(WRITTEN_FIELDS) + 1))


def read_fields(kafka: DataFrame, kept: Sequence[str] = (), more_fields: Sequence[str] = ()) -> DataFrame:
    """Kafka rows (key, value, …) -> one row a message: `value` as text, `kept`, the fields, and `written`.

    `kept` names Kafka columns to keep, `more_fields` those of LAKE_FIELDS to read. `written`: the message looks as the
    ingester writes it, so it is a raw trade whose numbers fit decimal(18,8), and needs no check.
    The parts are made in a generator, which the optimizer leaves alone: as plain columns they were pushed into every
    filter and parsed up to fifteen times.
    """
    left_out = set(LAKE_FIELDS) - set(more_fields)
    schema = raw_trade.CONTRACT.spark_schema(left_out)
    text = F.col("value").cast("string")
    cut = F.regexp_replace(text, rf"\A{WRITTEN_PATTERN}\z", _CUT)
    texts = kafka.select(text.alias("value"), *kept, cut.alias("cut"))
    # What does not match stays as it is, but for bytes that are no text; a message may hold separators of its own.
    written = F.col("value").startswith("{") & ~F.col("cut").startswith("{")
    parts = F.struct(
        F.when(written, F.split("cut", _SEPARATOR)).alias("parts"),
        F.when(~written, F.from_json("value", schema, JSON_OPTIONS)).alias("parsed"),
    )
    found = texts.select("value", *kept, F.inline(F.array(parts)))
    fields = [_read_field(name, kind).alias(name) for name, kind in raw_trade.CONTRACT.spark_types(left_out).items()]
    return found.select("value", *kept, *fields, F.col("parts").isNotNull().alias("written"))


def _read_field(name: str, kind: str) -> Column:
    parsed = F.col("parsed")[name]
    if name == "dense":
        otherwise = F.coalesce(parsed, F.lit(True))
        return F.when(F.col("parts").isNotNull(), ~F.col("value").contains(NOT_DENSE)).otherwise(otherwise)
    if name not in WRITTEN_FIELDS:
        return parsed
    part = F.get("parts", F.lit(WRITTEN_FIELDS.index(name)))
    if name == "taker_order_id":
        part = F.nullif(part, F.lit(""))
    return F.coalesce(part if kind == "string" else part.try_cast(kind), parsed)

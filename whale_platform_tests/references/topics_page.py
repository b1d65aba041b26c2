"""topics.md: each topic with its key, its settings and the fields of its message; and the JSON Schema of each."""

import json

from whale_platform.broker import topics
from whale_platform.contracts.catalogue import CONTRACTS
from whale_platform.contracts.message_contract import MessageContract, MessageField
from whale_platform_tests.references.markdown import code, page, table

ABOUT = """Values are JSON objects in UTF-8. Decimals are strings with all their digits, times are integers:
microseconds since the epoch, UTC. `v` is the version of the message. Readers ignore fields that they do not know, so a
field may be added without a new version. `WHALE_KAFKA_PREFIX` stands before each name where it is set; this and the
other variables are in [settings](settings.md), what the sink writes into Postgres in [tables](tables.md)."""
KINDS = {"time": "integer", "decimal": "string", "name": "string", "text": "string", "ranges": "list of pairs"}


def render() -> str:
    """Return the page."""
    return page("Topics", ABOUT, *map(_section, CONTRACTS.values()))


def render_schema(topic: str) -> str:
    """Return the JSON Schema of the topic's message."""
    return json.dumps(CONTRACTS[topic].json_schema(), indent=1, ensure_ascii=False) + "\n"


def _section(contract: MessageContract) -> str:
    version = () if contract.version is None else (MessageField("v", "integer", "version of the message"),)
    fields = [
        (code(field.name), KINDS.get(field.kind, field.kind), _example(contract, field), _meaning(field))
        for field in (*version, *contract.fields)
    ]
    schema = f"As [JSON Schema](schemas/{contract.topic}.json)."
    about = (contract.about, _settings(contract), schema)
    return "\n\n".join((f"## {contract.topic}", *about, table(("field", "type", "example", "meaning"), fields)))


def _example(contract: MessageContract, field: MessageField) -> str:
    return code(json.dumps(contract.example[field.name])) if field.name in contract.example else ""


def _meaning(field: MessageField) -> str:
    absent = " and ".join(word for word, so in (("null", field.nullable), ("absent", field.optional)) if so)
    return "; ".join(part for part in (field.about, f"may be {absent}" if absent else "") if part)


def _settings(contract: MessageContract) -> str:
    name = contract.topic
    partitions = "1" if name in topics.ONE_PARTITION else "`WHALE_TOPIC_PARTITIONS`"
    kept = _time(int(topics.CONFIG[name].get("retention.ms", 0)) // 3_600_000)
    share = f"{100 * topics.BYTE_SHARES[name]:.0f} % of `WHALE_KAFKA_BYTES`"
    return f"Key: such as `{contract.key}`. Partitions: {partitions}. Kept: {kept}; at most {share}."


def _time(hours: int) -> str:
    if not hours:
        return "the newest of each key"
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"

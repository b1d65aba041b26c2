"""What is made of several settings: the exchanges' addresses, Kafka's cluster, the object store, texts for a child.

`settings.py` has the fields; here is what they mean together. Raises ValueError where a secret's file can't be read.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr, create_model
from pydantic_settings import BaseSettings

from whale_platform.exchanges import registry
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.setting_values import read_secret
from whale_platform.storage.object_store import ObjectStore, find_object_store


def _address_fields() -> dict[str, Any]:
    """`binance_ws_url`, `binance_rest_url` and those of every other registered exchange; by default the real one's."""
    fields: dict[str, Any] = {}
    for name, spec in registry.SPECS.items():
        adapter, whose = spec.adapter(), f"of {spec.title}'s"
        fields[f"{name}_ws_url"] = str, Field(adapter.ws_url, description=f"{whose} streams")
        fields[f"{name}_rest_url"] = str, Field(adapter.rest_url, description=f"{whose} REST side")
    return fields


if TYPE_CHECKING:
    ExchangeAddresses = BaseSettings
else:
    ExchangeAddresses = create_model("ExchangeAddresses", __base__=BaseSettings, **_address_fields())


def build_cluster(values: Mapping[str, Any]) -> KafkaCluster:
    """`values`: the fields by name; one that was refused is left out, as its own error says why."""
    password = read_secret("KAFKA_PASSWORD", values.get("kafka_password"), values.get("kafka_password_file"))
    key_password = read_secret("KAFKA_KEY_PASSWORD", values.get("kafka_key_password"), None)
    return KafkaCluster(
        values.get("kafka_bootstrap") or f"127.0.0.1:{values.get('kafka_port')}",
        values.get("kafka_security", "plaintext"),
        values.get("kafka_ca"),
        values.get("kafka_certificate"),
        values.get("kafka_key"),
        key_password,
        values.get("kafka_sasl", "SCRAM-SHA-512"),
        values.get("kafka_user"),
        password,
    )


def build_object_store(values: Mapping[str, Any]) -> ObjectStore:
    """As `build_cluster`, for what `WHALE_SHARED` or `WHALE_LAKE` names."""
    secret = read_secret("S3_SECRET", values.get("s3_secret"), values.get("s3_secret_file"))
    return find_object_store(values.get("s3_endpoint"), values.get("s3_region"), values.get("s3_key"), secret)


def build_url(host: str, port: int) -> str:
    """Where a server that is bound to `host` is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def format_value(name: str, value: object) -> str:
    """Return the text of a setting that is read as this value; a secret's, too."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return (os.pathsep if name == "replay_files" else ",").join(map(str, value))
    return str(value)

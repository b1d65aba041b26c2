"""Exceptions of the broker's room. What librdkafka raises is confluent-kafka's own, so the tree begins there.

* BrokerError (confluent-kafka's KafkaException)
  x BrokerUnavailableError
* OffsetExpiredError
* ProducerStoppedError
"""

from confluent_kafka import KafkaException

BrokerError = KafkaException  # the broker is unavailable or refuses; other rooms catch it by this name


class BrokerUnavailableError(KafkaException):  # type: ignore[misc]
    """The broker did not respond within the short time that a caller could wait; the message is a whole sentence."""


class OffsetExpiredError(Exception):
    """The requested offset is no longer (or not yet) in the topic; the message names topic, partition and range."""


class ProducerStoppedError(Exception):
    """Nothing can be sent any more: the producer was closed, or is broken for good (the message says why)."""


def describe_broker_error(error: Exception) -> str:
    """Return the text of a BrokerError for people."""
    return str(error) if isinstance(error, BrokerUnavailableError) else str(error.args[0].str())

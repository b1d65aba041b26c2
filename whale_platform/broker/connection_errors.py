"""Why a cluster does not respond: librdkafka reports it to `error_cb` only, while the call itself times out.

Every client notes its errors here by cluster; `explain_unavailable` returns the newest one, which is kept until the
cluster responds again.
"""

from confluent_kafka import KafkaError

from whale_platform.kafka_cluster import KafkaCluster

_OFFERED = "broker's supported mechanisms: "
_DENIED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
)
_refused: dict[KafkaCluster, str] = {}


def note_error(cluster: KafkaCluster, error: KafkaError) -> None:
    """Keep the reason where it is one that a person must see to; a broker that is just unreachable puts an end to
    it."""
    if (why := explain_error(cluster, error.code(), error.str())) is not None:
        _refused[cluster] = why
    elif error.code() == KafkaError._TRANSPORT:
        _refused.pop(cluster, None)


def forget_error(cluster: KafkaCluster) -> None:
    """Drop the reason that is kept for `cluster`."""
    _refused.pop(cluster, None)


def explain_unavailable(cluster: KafkaCluster) -> str:
    """Why the cluster did not answer, in one sentence without secrets that says what to set."""
    return _refused.get(cluster) or f"no answer from Kafka at {cluster}"


def explain_error(cluster: KafkaCluster, code: int, text: str) -> str | None:
    """What an error of a client says about the settings; None where the broker is just unreachable."""
    if code == KafkaError._AUTHENTICATION:
        offered = f" (it offers {text.partition(_OFFERED)[2].partition(' (')[0]})" if _OFFERED in text else ""
        return (
            f"Kafka at {cluster} refuses the log-in by {cluster.mechanism}{offered}: check WHALE_KAFKA_USER, "
            "WHALE_KAFKA_PASSWORD (or WHALE_KAFKA_PASSWORD_FILE) and WHALE_KAFKA_SASL"
        )
    if code in _DENIED:
        rights = "give it the rights that docs/guides/deployment.md lists"
        return f"Kafka at {cluster} refuses WHALE_KAFKA_USER ({text}): {rights}"
    if "certificate verify failed" in text:
        named = f"in {cluster.ca}, set by WHALE_KAFKA_CA" if cluster.ca else "of this system: set WHALE_KAFKA_CA"
        return f"the certificate of Kafka at {cluster} is not for that name, or not signed by an authority {named}"
    if "key.location failed" in text:
        return f"the key {cluster.key} can't be opened: check WHALE_KAFKA_KEY_PASSWORD"
    if "SSL alert number" in text and cluster.certificate is None:
        return f"Kafka at {cluster} asks for a client certificate: set WHALE_KAFKA_CERTIFICATE and WHALE_KAFKA_KEY"
    if "SSL alert number" in text:
        return f"Kafka at {cluster} refuses the client certificate that WHALE_KAFKA_CERTIFICATE names"
    if code == KafkaError._SSL or "SSL_HANDSHAKE" in text:
        return f"Kafka at {cluster} does not speak TLS as WHALE_KAFKA_SECURITY={cluster.security} asks"
    return None

"""Which Kafka cluster, and how a client logs in there: one value, in the terms of librdkafka and of Java's client.

Every client of the platform is configured from a `KafkaCluster`; nothing else in the code names Kafka's servers to a
library. Java's clients (Spark's) get references to environment variables in place of secrets, so that no option, plan,
checkpoint or command line holds one. What can't work raises ValueError and says which setting to correct. Standard
library only.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SecurityProtocol = Literal["plaintext", "ssl", "sasl_ssl", "sasl_plaintext"]
SaslMechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]
JAAS_VARIABLE, KEY_VARIABLE, KEY_PASSWORD_VARIABLE = (
    "WHALE_KAFKA_SECRET_JAAS",
    "WHALE_KAFKA_SECRET_KEY",
    "WHALE_KAFKA_SECRET_KEY_PASSWORD",
)
_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
_BEGIN, _END = "-----BEGIN ", "-----END "


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """Bootstrap servers, `host:port,…`, and the log-in. As text it is the servers alone.

    `ca`, `certificate`, `key`: PEM files; without `ca` the system's authorities count. `user` and `password` are for
    SASL; `key_password` is for an encrypted key.
    """

    servers: str
    security: SecurityProtocol = "plaintext"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: str | None = field(default=None, repr=False)
    mechanism: SaslMechanism = "SCRAM-SHA-512"
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.servers

    @property
    def encrypted(self) -> bool:
        """Whether the connection is TLS."""
        return self.security in ("ssl", "sasl_ssl")

    @property
    def sasl(self) -> bool:
        """Whether a client logs in with user and password."""
        return self.security in ("sasl_ssl", "sasl_plaintext")

    def librdkafka_config(self) -> dict[str, str]:
        """What each of librdkafka's clients is configured with. It holds secrets: hand it to a client, never log it."""
        out = {"bootstrap.servers": self.servers, "security.protocol": self.security}
        if self.encrypted:
            files = {"ca": self.ca, "certificate": self.certificate, "key": self.key}
            out |= {f"ssl.{name}.location": str(path) for name, path in files.items() if path is not None}
            out |= {} if self.key_password is None else {"ssl.key.password": self.key_password}
        if self.sasl:
            out |= {"sasl.mechanism": self.mechanism, "sasl.username": self.user or ""}
            out |= {"sasl.password": self.password or ""}
        return out

    def spark_options(self) -> dict[str, str]:
        """Options of Spark's Kafka source and sink; without secrets, which `java_secrets` gives.

        Certificates stand in the options themselves, so that executors need no file. Raises OSError for a PEM file
        that can't be read.
        """
        out = {"bootstrap.servers": self.servers}
        if self.security != "plaintext":
            out["security.protocol"] = self.security.upper()
        if self.encrypted and self.ca is not None:
            out |= {
                "ssl.truststore.type": "PEM",
                "ssl.truststore.certificates": _read_pem_blocks(self.ca, "CERTIFICATE"),
            }
        if self.encrypted and self.certificate is not None:
            out |= {"ssl.keystore.type": "PEM", "ssl.keystore.key": f"${{env:{KEY_VARIABLE}}}"}
            out["ssl.keystore.certificate.chain"] = _read_pem_blocks(self.certificate, "CERTIFICATE")
            out |= {} if self.key_password is None else {"ssl.key.password": f"${{env:{KEY_PASSWORD_VARIABLE}}}"}
        if self.sasl:
            out |= {"sasl.mechanism": self.mechanism, "sasl.jaas.config": f"${{env:{JAAS_VARIABLE}}}"}
        if any("${env:" in value for value in out.values()):
            provider = "org.apache.kafka.common.config.provider.EnvVarConfigProvider"
            allowed = f"{JAAS_VARIABLE}|{KEY_VARIABLE}|{KEY_PASSWORD_VARIABLE}"
            out |= {"config.providers": "env", "config.providers.env.class": provider}
            out["config.providers.env.param.allowlist.pattern"] = allowed
        return {f"kafka.{name}": value for name, value in out.items()}

    def java_secrets(self) -> dict[str, str]:
        """Environment variables that the options of `spark_options` refer to, for the driver's JVM and for executors.

        Raises OSError for a key that can't be read, ValueError for one in a form that Java does not take.
        """
        out: dict[str, str] = {}
        if self.sasl:
            login = f"username={_quote(self.user or '')} password={_quote(self.password or '')}"
            out[JAAS_VARIABLE] = f"{_MODULES[self.mechanism]} required {login};"
        if self.encrypted and self.key is not None:
            out[KEY_VARIABLE] = _read_pem_blocks(self.key, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
            out |= {} if self.key_password is None else {KEY_PASSWORD_VARIABLE: self.key_password}
        return out

    def validate(self) -> None:
        """Raises ValueError, naming the setting, where these can't be a log-in or a file is not there or of no use."""
        if self.sasl and not (self.user and self.password):
            raise ValueError(
                f"{self.security} logs in by name: set WHALE_KAFKA_USER and WHALE_KAFKA_PASSWORD or "
                "WHALE_KAFKA_PASSWORD_FILE"
            )
        if not self.sasl and (self.user or self.password):
            raise ValueError(
                f"{self.security} logs nobody in by name: set sasl_ssl, or unset WHALE_KAFKA_USER and its password"
            )
        if not self.encrypted and (self.ca or self.certificate or self.key):
            raise ValueError(f"{self.security} is not encrypted, so it takes no certificates: set ssl or sasl_ssl")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a client certificate needs its key: set both WHALE_KAFKA_CERTIFICATE and WHALE_KAFKA_KEY")
        kinds = {
            "CA": ("CERTIFICATE",),
            "CERTIFICATE": ("CERTIFICATE",),
            "KEY": ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
        }
        for name, path in (("CA", self.ca), ("CERTIFICATE", self.certificate), ("KEY", self.key)):
            try:
                _ = path is None or _read_pem_blocks(path, *kinds[name])
            except OSError as error:
                raise ValueError(f"WHALE_KAFKA_{name}: {path} can't be read: {error.strerror}") from None
            except ValueError as error:
                raise ValueError(f"WHALE_KAFKA_{name}: {error}") from None


def _read_pem_blocks(path: Path, *kinds: str) -> str:
    """The PEM blocks of these kinds in a file. Raises OSError, and ValueError where it has none."""
    found = []
    for block in path.read_text(errors="replace").split(_BEGIN)[1:]:
        kind = block.partition("-----")[0]
        if kind in kinds:
            found.append(f"{_BEGIN}{block.partition(_END)[0]}{_END}{kind}-----")
    if found:
        return "\n".join(found)
    if "PRIVATE KEY" in kinds:
        raise ValueError(f"{path} has no PKCS#8 key: `openssl pkcs8 -topk8 -nocrypt -in {path}` writes one")
    raise ValueError(f"{path} has no certificate in PEM form")


def _quote(text: str) -> str:
    """As a JAAS configuration takes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

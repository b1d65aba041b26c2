"""A real broker with TLS and SASL listeners beside the plain one, as somebody else's cluster has them."""

from pathlib import Path

from confluent_kafka.admin import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from whale_platform.broker import topics
from whale_platform_tests.support.certificates import Authority
from whale_platform_tests.support.kafka_server import KafkaServer, free_port

USER, PASSWORD = "whale", 'a "quoted\\ ${env:HOME} pass=word; #1'
KINDS = ("ssl", "mutual", "sasl_ssl", "sasl_plaintext")


class SecureKafka(KafkaServer):
    """`environment(kind)`: what a user sets for the listener of that kind (`KINDS`)."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.authority = Authority(folder / "authority")
        self._client, server = self.authority.pair("client"), self.authority.pair("broker")
        self.ports = {kind: free_port() for kind in KINDS}
        secret = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        jaas = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{secret}";'
        protocols = {"plaintext": "PLAINTEXT", "ssl": "SSL", "mutual": "SSL", "controller": "PLAINTEXT"}
        protocols |= {kind: kind.upper() for kind in KINDS if kind.startswith("sasl")}
        open_to = ",".join(f"{kind.upper()}://127.0.0.1:{port}" for kind, port in self.ports.items())
        plain = f"PLAINTEXT://{self.bootstrap}"
        controller = f"CONTROLLER://127.0.0.1:{self._settings.kafka_controller_port}"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        lines = {
            "listeners": f"{plain},{controller},{open_to}",
            "advertised.listeners": f"{plain},{open_to}",
            "listener.security.protocol.map": ",".join(f"{k.upper()}:{v}" for k, v in protocols.items()),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": server.both,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.authority.ca,
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.sasl_ssl.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.sasl_plaintext.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": jaas.replace("\\", "\\\\"),
        }
        self.more = "".join(f"{name}={value}\n" for name, value in lines.items())
        self._password_file = folder / "password"
        self._password_file.write_text(f"{PASSWORD}\n")

    def start(self) -> None:
        """Start, and let the user log in by SCRAM."""
        super().start()
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        user = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
        client = topics.create_admin(self.bootstrap)  # held until it has answered
        for future in client.alter_user_scram_credentials([user]).values():
            future.result(30)

    def environment(self, kind: str) -> dict[str, str]:
        """The variables; the password by file for one kind and by value for the other."""
        out = {
            "WHALE_KAFKA_BOOTSTRAP": f"127.0.0.1:{self.ports[kind]}",
            "WHALE_KAFKA_SECURITY": "ssl" if kind == "mutual" else kind,
        }
        if kind != "sasl_plaintext":
            out["WHALE_KAFKA_CA"] = str(self.authority.ca)
        if kind == "mutual":
            out["WHALE_KAFKA_CERTIFICATE"] = str(self._client.certificate)
            out["WHALE_KAFKA_KEY"] = str(self._client.key)
        if kind == "sasl_ssl":
            out |= {"WHALE_KAFKA_USER": USER, "WHALE_KAFKA_PASSWORD_FILE": str(self._password_file)}
        if kind == "sasl_plaintext":
            out |= {"WHALE_KAFKA_SASL": "PLAIN", "WHALE_KAFKA_USER": USER, "WHALE_KAFKA_PASSWORD": PASSWORD}
        return out

"""One frozen `Settings`, read from the environment (`WHALE_…`) and `.env`, built only at entry points.

The supervisor hands the same settings to the services through their environment (`environment()`), so a service
started by hand with those variables is the same service. A wrong value fails at start with the variable's name.
"""

import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import ByteSize, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SourceKind = Literal["live", "simulator", "replay"]
StreamMode = Literal["auto", "realtime", "microbatch"]
Worker = Literal["sink", "stream", "ingester"]
WORKERS: tuple[Worker, ...] = ("sink", "stream", "ingester")  # the services that move the trades
Port = Annotated[int, Field(ge=1, le=65535)]

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "LTC", "DOT")


class Settings(BaseSettings):
    """Everything an operator can set. Times are seconds, money is US dollars."""

    model_config = SettingsConfigDict(
        env_prefix="WHALE_", env_file=".env", frozen=True, extra="ignore", env_ignore_empty=True
    )

    home: Path = ROOT / ".whale" / "live"
    tools: Path = ROOT / ".whale" / "tools"
    source: SourceKind = "live"
    exchanges: Annotated[tuple[str, ...], NoDecode] = ("binance", "coinbase")
    symbols: Annotated[tuple[str, ...], NoDecode] = DEFAULT_BASES
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    kafka_port: Port = 19092
    kafka_controller_port: Port = 19093
    kafka_bootstrap: str | None = None
    topic_partitions: Annotated[int, Field(ge=1, le=256)] = 2
    topic_replication: Annotated[int, Field(ge=1, le=5)] = 1
    kafka_bytes: ByteSize | None = None  # of all topics, such as 20GB; 0: no bound; None: by the disk's size

    postgres_port: Port = 15432
    postgres_dsn: SecretStr | None = None
    postgres_password_file: Path | None = None  # holds the password of a postgres_dsn without one
    pg_bin: Path | None = None

    lake: Path | None = None
    lake_trigger_s: Annotated[float, Field(gt=0)] = 20.0
    lake_files: Annotated[int, Field(ge=1, le=64)] = 1  # a trigger and hour
    lake_retention_days: Annotated[int, Field(ge=0)] = 0  # 0: all of it, forever

    bind: str = "127.0.0.1"
    retention_days: Annotated[int, Field(ge=1)] = 7
    dagster: bool = True
    dagster_code_host: str = "127.0.0.1"
    dagster_port: Port = 13000
    dagster_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # names its UI is known by beside this machine's own
    dagster_code_port: Port = 13001  # only with a code server on another host (dagster_code_host)
    dagster_dsn: SecretStr | None = None

    api_host: str = "127.0.0.1"
    api_port: Port = 18000
    api_open: bool = False  # listen beyond this machine without keys
    api_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # names it is known by while nobody needs a key
    api_cors: Annotated[tuple[str, ...], NoDecode] = ()  # origins such as https://example.org
    api_rate: Annotated[float, Field(gt=0)] = 5_000.0  # requests a second of a key or address

    simulator_host: str = "127.0.0.1"
    simulator_port: Port = 18765
    binance_ws_url: str = "wss://stream.binance.com:9443"
    binance_rest_url: str = "https://api.binance.com"
    coinbase_ws_url: str = "wss://ws-feed.exchange.coinbase.com"
    coinbase_rest_url: str = "https://api.exchange.coinbase.com"

    ingest_silence_s: Annotated[float, Field(gt=0)] = 60.0

    threshold_usd: Annotated[Decimal, Field(gt=0)] = Decimal(50_000)
    stream_mode: StreamMode = "auto"
    stream_trigger: str = "2 minutes"
    stream_watermark: str = "10 minutes"
    spark_master: str = "local[8]"
    spark_driver_host: str = "127.0.0.1"
    spark_driver_memory: str = "768m"

    replay_files: Annotated[tuple[Path, ...], NoDecode] = ()
    replay_speed: Annotated[float, Field(gt=0)] = 1.0
    replay_times: Literal["original", "now"] = "now"
    simulator_rate: Annotated[float, Field(gt=0)] = 50.0
    simulator_seed: int = 1

    @field_validator("symbols", "exchanges", "dagster_hosts", "api_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("replay_files", mode="before")
    @classmethod
    def _files(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(os.pathsep if os.pathsep in value else ",") if part.strip())

    @field_validator("postgres_password_file")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None:
            try:
                path.read_text()
            except OSError as error:
                raise ValueError(f"{path} can't be read ({error.strerror})") from None
        return path and path.absolute()

    @field_validator("api_cors", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())

    @property
    def api_url(self) -> str:
        """Where the API is, seen from this machine."""
        return _url(self.api_host, self.api_port)

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap servers: the embedded broker unless `WHALE_KAFKA_BOOTSTRAP` names another."""
        return self.kafka_bootstrap or f"127.0.0.1:{self.kafka_port}"

    @property
    def trades_lake(self) -> Path:
        """The Delta table of trades; in production on a disk that Spark's executors share (`WHALE_LAKE`)."""
        return (self.lake or self.home / "lake").resolve() / "trades"

    @property
    def password_file(self) -> Path:
        """Where the embedded Postgres's generated password lies (mode 0600)."""
        return self.home / "postgres.password"

    def exchange_address(self, exchange: str, kind: Literal["ws", "rest"]) -> str:
        """Where `exchange` (binance, coinbase) is: the simulator for every source but `live`, whatever else is set.

        So no process can take real trades under a simulated or recorded name.
        """
        if self.source != "live":
            scheme = {"ws": "ws", "rest": "http"}[kind]
            return f"{scheme}://{self.simulator_host}:{self.simulator_port}/{exchange}"
        return str(getattr(self, f"{exchange}_{kind}_url")).rstrip("/")

    def dsn(self) -> str:
        """libpq URI with the password. Never log it; for people print `public_dsn`.

        Raises FileNotFoundError where the embedded Postgres has never started in this home.
        """
        if self.postgres_dsn is not None:
            given = urlsplit(self.postgres_dsn.get_secret_value())
            if self.postgres_password_file is None or given.password is not None:
                return self.postgres_dsn.get_secret_value()
            password = quote(self.postgres_password_file.read_text().strip(), safe="")
            user, _, place = given.netloc.rpartition("@")
            return given._replace(netloc=f"{user or 'whale'}:{password}@{place}").geturl()
        try:
            password = self.password_file.read_text().strip()
        except FileNotFoundError:
            raise FileNotFoundError(f"Postgres has never started in {self.home}") from None
        return f"postgresql://whale:{password}@127.0.0.1:{self.postgres_port}/whale"

    @property
    def dagster_url(self) -> str:
        """Where Dagster's UI is."""
        return _url(self.bind, self.dagster_port)

    def dagster_dsn_text(self) -> str:
        """URI of Dagster's own storage: database `dagster` on the platform's server, unless set. Never log it."""
        if self.dagster_dsn is not None:
            return self.dagster_dsn.get_secret_value()
        return urlsplit(self.dsn())._replace(path="/dagster").geturl()

    def public_dsn(self) -> str:
        """The same without the secret."""
        if self.postgres_dsn is None:
            return f"postgresql://whale@127.0.0.1:{self.postgres_port}/whale"
        scheme, _, rest = self.postgres_dsn.get_secret_value().partition("://")
        user, at, host = rest.rpartition("@")
        return f"{scheme}://{user.partition(':')[0]}{at}{host.partition('?')[0]}"

    def environment(self) -> dict[str, str]:
        """These settings as `WHALE_…` variables, for a child process. Holds secrets where they were given."""
        out: dict[str, str] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, SecretStr):
                text = value.get_secret_value()
            elif isinstance(value, tuple):
                text = (
                    ",".join(str(part) for part in value)
                    if name != "replay_files"
                    else os.pathsep.join(map(str, value))
                )
            else:
                text = str(value)
            out[f"WHALE_{name.upper()}"] = text
        return out


def _url(host: str, port: int) -> str:
    """Where a server that is bound to `host` is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"

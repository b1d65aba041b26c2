"""One frozen `Settings`, read from the environment (`WHALE_…`) and `.env`, built only at entry points.

The supervisor hands the same settings to the services through their environment (`environment()`), so a service
started by hand with those variables is the same service. A wrong value fails at start with the variable's name.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import ByteSize, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from whale_platform import connection_settings
from whale_platform.exchanges import registry
from whale_platform.exchanges.registry import Way
from whale_platform.kafka_cluster import KafkaCluster, SaslMechanism, SecurityProtocol
from whale_platform.postgres_login import ROLES, PostgresLogin, Role
from whale_platform.setting_values import (
    AbsolutePath,
    Duration,
    Endpoint,
    Files,
    Location,
    Memory,
    Names,
    Networks,
    Origins,
    Port,
    PostgresUri,
    Ratios,
    ReadablePath,
    Share,
)
from whale_platform.storage.folders import Folder, open_object_folder, scratch_folder
from whale_platform.storage.object_store import ObjectStore

SourceKind = Literal["live", "simulator", "replay"]
StreamMode = Literal["auto", "realtime", "microbatch"]
Worker = Literal["sink", "stream", "ingester"]
WORKERS: tuple[Worker, ...] = ("sink", "stream", "ingester")  # the services that move the trades
ROOT = Path(__file__).resolve().parent.parent
DEFAULT_BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "LTC", "DOT")


class Settings(connection_settings.ExchangeAddresses):
    """Everything an operator can set. Times are seconds, money is US dollars.

    The comment above or beside a field is its meaning in docs/reference/settings.md. The exchanges' addresses come from
    their registry.
    """

    model_config = SettingsConfigDict(
        env_prefix="WHALE_",
        env_file=".env",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    # the folder of the state; `./whale` takes it for the folder above it, which holds one for each source
    home: Path = ROOT / ".whale" / "live"
    # https://HOST:PORT of the object store that s3:// names below; unset: AWS_ENDPOINT_URL, else AWS itself
    s3_endpoint: Endpoint | None = None
    s3_region: str | None = None  # the object store's region; unset: AWS_REGION, else us-east-1
    s3_key: str | None = None  # id of the access key there; unset: AWS_ACCESS_KEY_ID
    s3_secret: SecretStr | None = None  # secret of that key; unset: AWS_SECRET_ACCESS_KEY
    s3_secret_file: AbsolutePath | None = None  # a file that holds it instead
    # checkpoints, thresholds and lake, seen by Spark's executors too: a folder, or s3://BUCKET/PREFIX; unset: the home
    shared: Location | None = None
    # what no Python package brings: jars, the dashboard's libraries, the log of the set-up
    tools: Path = ROOT / ".whale" / "tools"
    source: SourceKind = "live"  # where the trades come from
    # the exchanges whose trades are ingested
    exchanges: Names = tuple(name for name, spec in registry.SPECS.items() if spec.by_default)
    # BTC, BTC/EUR, BTCUSDT, BTC-USD or binance:BTCUSDT; what an exchange does not list is left out
    symbols: Names = DEFAULT_BASES
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"  # the least severe lines that are logged

    kafka_port: Port = 19092  # of the embedded broker, on 127.0.0.1
    kafka_controller_port: Port = 19093  # of the embedded broker's controller, on 127.0.0.1
    kafka_bootstrap: str | None = None  # HOST:PORT,… of another broker; unset: the embedded one
    kafka_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = ""  # before every topic and group
    kafka_ca: AbsolutePath | None = None  # PEM file of the authorities; unset: the system's
    kafka_certificate: AbsolutePath | None = None  # PEM file of the client's certificate
    kafka_key: AbsolutePath | None = None  # PEM file of the certificate's key (PKCS#8)
    kafka_key_password: SecretStr | None = None  # where the key is encrypted
    kafka_sasl: SaslMechanism = "SCRAM-SHA-512"  # the mechanism with sasl_ssl and sasl_plaintext
    kafka_user: str | None = None  # the user with sasl_ssl and sasl_plaintext
    kafka_password: SecretStr | None = None  # that user's password
    kafka_password_file: AbsolutePath | None = None  # a file that holds it instead
    # how every client logs in at the broker
    kafka_security: Annotated[SecurityProtocol, Field(validate_default=True)] = "plaintext"
    topic_partitions: Annotated[int, Field(ge=1, le=256)] = 2  # of a topic when it is made
    topic_replication: Annotated[int, Field(ge=1, le=5)] | None = None  # copies of a topic; unset: 3 on as many brokers
    # copies that must have a message before it counts; unset: the greater half
    topic_min_insync: Annotated[int, Field(ge=1, le=5)] | None = None
    kafka_bytes: ByteSize | None = None  # of all topics, such as 20GB; 0: no bound; unset: by the disk's size

    postgres_port: Port = 15432  # of the embedded server, on 127.0.0.1
    postgres_dsn: PostgresUri | None = None  # postgresql://… of another server's database; unset: the embedded one
    postgres_password_file: ReadablePath | None = None  # holds the password of a postgres_dsn without one
    postgres_direct_dsn: PostgresUri | None = None  # past the pooler that postgres_dsn names, for what needs a session
    sink_postgres_dsn: PostgresUri | None = None  # the sink's own log-in; unset: postgres_dsn
    stream_postgres_dsn: PostgresUri | None = None  # the stream's own log-in; unset: postgres_dsn
    api_postgres_dsn: PostgresUri | None = None  # the API's own log-in, maybe a read replica's; unset: postgres_dsn
    # that by which the API sets thresholds; unset: postgres_dsn, and none where api_postgres_dsn is set
    editor_postgres_dsn: PostgresUri | None = None
    dagster_postgres_dsn: PostgresUri | None = None  # Dagster's log-in to the platform's tables; unset: postgres_dsn
    pg_bin: Path | None = None  # folder of the programs of another Postgres than the installed one

    # where the lake lies: a folder, or s3://BUCKET/PREFIX; unset: `lake` in the shared folder, else in the home
    lake: Location | None = None
    lake_trigger_s: Annotated[float, Field(gt=0)] = 20.0  # between the stream's writes to the lake
    lake_files: Annotated[int, Field(ge=1, le=64)] = 1  # the most that one write makes for an hour
    lake_retention_days: Annotated[int, Field(ge=0)] = 0  # how long the lake keeps trades; 0: forever

    # what Dagster listens on; the simulator and Spark's driver too, where another host is set for them
    bind: str = "127.0.0.1"
    retention_days: Annotated[int, Field(ge=1)] = 7  # how long Postgres keeps windows
    alert_retention_days: Annotated[int, Field(ge=0)] = 0  # how long Postgres keeps whales; 0: forever
    dagster: bool = True  # whether Dagster runs
    dagster_code_host: str = "127.0.0.1"  # where Dagster's code server is, for its webserver and daemon
    dagster_port: Port = 13000  # of Dagster's UI
    dagster_hosts: Names = ()  # names its UI is known by beside this machine's own
    dagster_code_port: Port = 13001  # only with a code server on another host (dagster_code_host)
    # of Dagster's own storage; unset: the database `dagster` on the platform's server
    dagster_dsn: PostgresUri | None = None

    api_host: str = "127.0.0.1"  # address that the API listens on; beyond this machine it needs a key or api_open
    api_port: Port = 18000  # of the API and the dashboard
    api_open: bool = False  # listen beyond this machine without keys
    api_write: bool | None = None  # whether it may set thresholds; unset: for this machine alone, behind no proxy
    api_hosts: Names = ()  # allowed Host names while no API key is configured
    api_proxies: Networks = ()  # addresses or networks whose X-Forwarded-For is believed
    api_cors: Origins = ()  # origins whose pages may read it, such as https://example.org
    api_rate: Annotated[float, Field(gt=0)] = 5_000.0  # requests a second of a key or address

    simulator_host: str = "127.0.0.1"  # where the simulator is, for the ingester
    simulator_port: Port = 18765  # of the simulator

    ingest_silence_s: Annotated[float, Field(gt=0)] = 60.0  # after so long without a trade it connects again
    ingest_share: Share = "1/1"  # 2/3: the second of three ingesters that share the symbols

    # from which a trade is a whale, until `./whale threshold set` says otherwise
    threshold_usd: Annotated[Decimal, Field(gt=0)] = Decimal(50_000)
    stream_mode: StreamMode = "auto"  # auto: in real time, windows four times a second; realtime: windows at once
    stream_trigger: Duration = "2 minutes"  # between checkpoints in real time
    stream_watermark: Duration = "10 minutes"  # how late a trade may come and still count in its window
    stream_reducers: Annotated[int, Field(ge=1, le=256)] = 1  # of the windows; another number reads the topic again
    spark_master: str = "local[8]"  # Spark's own word for where the stream runs: local[TASKS] or spark://HOST:7077
    spark_driver_host: str = "127.0.0.1"  # by which executors reach the driver
    spark_driver_memory: Memory = "768m"  # heap of the stream's JVM
    spark_cores: Annotated[int, Field(ge=1)] | None = None  # the stream's share of a cluster; unset: all that it has
    spark_executor_cores: Annotated[int, Field(ge=1)] | None = None  # of one executor; unset: all of a worker
    spark_executor_memory: Memory = "1g"  # heap of an executor of a cluster
    spark_executor_tools: Path | None = None  # the tools' folder where executors run; unset: where it is here
    spark_batch_master: str = "local[2]"  # for windows and whales that are computed again from the lake

    replay_files: Files = ()  # recordings to play; colons between them where a name has a comma
    replay_speed: Annotated[float, Field(gt=0)] = 1.0  # times as fast as recorded
    replay_times: Literal["original", "now"] = "now"  # the trades' times: as recorded, or moved to now
    simulator_rate: Annotated[float, Field(gt=0)] = 50.0  # generated trades a second, of all symbols together
    simulator_seed: int = 1  # the same seed generates the same trades
    simulator_planted_noise: Ratios = ()  # robots and clusters to plant: ordinary orders for one of a robot

    @field_validator("topic_min_insync", mode="after")
    @classmethod
    def _check_copies(cls, value: int | None, info: ValidationInfo) -> int | None:
        if (value or 1) > (info.data.get("topic_replication") or 5):
            raise ValueError("it is more than WHALE_TOPIC_REPLICATION: nothing could be written")
        return value

    @field_validator("shared", "lake", mode="after")
    @classmethod
    def _check_reachable(cls, value: Path | str | None, info: ValidationInfo) -> Path | str | None:
        """Its check reads the object store's fields, so they stand before it."""
        if isinstance(value, str):
            connection_settings.build_object_store(info.data)
        return value

    @field_validator("kafka_security", mode="after")
    @classmethod
    def _check_login(cls, value: SecurityProtocol, info: ValidationInfo) -> SecurityProtocol:
        """Its check reads Kafka's other fields, so they stand before it."""
        if value != "plaintext" and info.data.get("kafka_bootstrap") is None:
            raise ValueError(
                "the embedded broker speaks plaintext: name yours with WHALE_KAFKA_BOOTSTRAP, or unset this"
            )
        connection_settings.build_cluster({**info.data, "kafka_security": value}).validate()
        return value

    @property
    def api_url(self) -> str:
        """Where the API is, seen from this machine."""
        return connection_settings.build_url(self.api_host, self.api_port)

    @property
    def bootstrap(self) -> KafkaCluster:
        """Kafka's servers and the log-in there: the embedded broker unless `WHALE_KAFKA_BOOTSTRAP` names another.

        Raises ValueError where the password's file can't be read any more.
        """
        return connection_settings.build_cluster(dict(self))

    @property
    def object_store(self) -> ObjectStore | None:
        """The object store that `WHALE_SHARED` or `WHALE_LAKE` names; None where both are folders.

        Raises ValueError where the secret's file can't be read any more.
        """
        remote = isinstance(self.shared, str) or isinstance(self.lake, str)
        return connection_settings.build_object_store(dict(self)) if remote else None

    @property
    def stream_home(self) -> Folder:
        """The folder of checkpoints and thresholds: `WHALE_SHARED`, which a cluster's executors see, or the home."""
        return self._open_folder(self.shared or self.home).absolute()

    @property
    def trades_lake(self) -> Folder:
        """The Delta table of trades, where Spark's executors see it (`WHALE_LAKE`, else `WHALE_SHARED`)."""
        lake = self.stream_home / "lake" if self.lake is None else self._open_folder(self.lake)
        return lake.resolve() / "trades"

    @property
    def local_lake(self) -> Path:
        """Where the lake, or what is written beside it for a while, takes this machine's disk."""
        return scratch_folder(self.trades_lake)

    @property
    def local_stream_home(self) -> Path:
        """Where checkpoints take this machine's disk: the home where they lie in an object store."""
        return self.shared if isinstance(self.shared, Path) else self.home

    def _open_folder(self, location: Path | str) -> Folder:
        if isinstance(location, Path):
            return location
        return open_object_folder(
            connection_settings.build_object_store(dict(self)), location, self.home.absolute() / "lake"
        )

    def exchange_address(self, exchange: str, interface: Way) -> str:
        """Where a registered exchange is: the simulator for every source but `live`, whatever else is set.

        So no process can take real trades under a simulated or recorded name.
        """
        if self.source != "live":
            scheme = {"ws": "ws", "rest": "http"}[interface]
            return f"{scheme}://{self.simulator_host}:{self.simulator_port}/{exchange}"
        return str(getattr(self, f"{exchange}_{interface}_url")).rstrip("/")

    def role_password_file(self, role: Role) -> Path:
        """Where the generated password of that role lies."""
        return self._postgres.password_file(role)

    def dsn(self, role: Role = "owner", direct: bool = False) -> str:
        """libpq URI with the password of `role`. Never log it; for people print `public_dsn`.

        `direct`: past a pooler, for LISTEN and what else needs a session. Raises FileNotFoundError where the embedded
        Postgres has never started in this home, or has not been migrated since roles were introduced.
        """
        return self._postgres.dsn(role, direct)

    @property
    def dagster_url(self) -> str:
        """Where Dagster's UI is."""
        return connection_settings.build_url(self.bind, self.dagster_port)

    def dagster_dsn_text(self) -> str:
        """URI of Dagster's own storage: database `dagster` on the platform's server, unless set. Never log it.

        In someone else's server the owner makes it and has it: no other log-in could make its tables there.
        """
        if self.dagster_dsn is not None:
            return self.dagster_dsn.get_secret_value()
        role: Role = "dagster" if self.postgres_dsn is None else "owner"
        return urlsplit(self.dsn(role, direct=True))._replace(path="/dagster").geturl()

    def public_dsn(self, role: Role = "owner") -> str:
        """The same without the secret."""
        return self._postgres.public_dsn(role)

    @property
    def _postgres(self) -> PostgresLogin:
        def plain(name: str) -> str | None:
            value: SecretStr | None = getattr(self, name)
            return None if value is None else value.get_secret_value()

        own = {role: plain(f"{role}_postgres_dsn") for role in ROLES}
        given, direct = plain("postgres_dsn"), plain("postgres_direct_dsn")
        return PostgresLogin(self.home, self.postgres_port, given, direct, own, self.postgres_password_file)

    def environment(self) -> dict[str, str]:
        """These settings as `WHALE_…` variables, for a child process. Holds secrets where they were given."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        given = {name: value for name, value in values.items() if value is not None}
        return {f"WHALE_{name.upper()}": connection_settings.format_value(name, value) for name, value in given.items()}

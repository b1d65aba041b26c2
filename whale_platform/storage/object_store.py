"""Which object store, and how a client logs in there: one value, in the terms of object_store and of Hadoop's S3A.

delta-rs and obstore are both built on object_store (Rust), so they take the same options. Spark's JVMs get key and
secret by environment variables, so that no option, plan, checkpoint or command line holds them. What can't work raises
ValueError and says which setting to correct.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_REGION = "us-east-1"
SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PART = re.compile(r"[A-Za-z0-9!_.*'()-]+")
CREDENTIALS = "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
RETRIES, RETRY_S = 5, 20  # of a request that the store does not respond to; the caller tries again later


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Where it is and the log-in; `endpoint` is None for AWS itself. As text it is the endpoint alone."""

    endpoint: str | None
    region: str
    key: str
    secret: str = field(repr=False)

    def __str__(self) -> str:
        return self.endpoint or f"AWS S3 in {self.region}"

    def build_hadoop_options(self) -> dict[str, str]:
        """Spark's settings for `s3a://…`; without key and secret, which `java_secrets` gives."""
        options = {
            "endpoint.region": self.region,
            "aws.credentials.provider": CREDENTIALS,
            "path.style.access": str(self.endpoint is not None).lower(),
            # Its faster reader caches what it has read; checkpoints and thresholds are read once.
            "input.stream.type": "classic",
            "attempts.maximum": str(RETRIES),
        }
        if self.endpoint is not None:
            options |= {"endpoint": self.endpoint, "connection.ssl.enabled": str(self._encrypted).lower()}
        return {f"spark.hadoop.fs.s3a.{name}": value for name, value in options.items()}

    def java_secrets(self) -> dict[str, str]:
        """Environment variables by which Spark's JVMs log in."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}

    @property
    def _encrypted(self) -> bool:
        return self.endpoint is None or self.endpoint.startswith("https://")

    def build_options(self) -> dict[str, str]:
        """The options of object_store. They hold secrets: hand them to a client, never log them."""
        out = {
            "aws_access_key_id": self.key,
            "aws_secret_access_key": self.secret,
            "aws_region": self.region,
            "aws_conditional_put": "etag",  # a commit is a PUT that fails where the object is there
        }
        if self.endpoint is not None:
            out["aws_endpoint"] = self.endpoint
            out["aws_virtual_hosted_style_request"] = "false"
        return out


def parse_location(value: object) -> object:
    """An absolute Path, or the text of an object store's folder, `s3://BUCKET/PREFIX` without a slash at its end.

    Raises ValueError for an address that can't be one; what is neither text nor Path is returned as it is.
    """
    if isinstance(value, Path):
        return value.absolute()
    if not isinstance(value, str) or not value:
        return value
    scheme, mark, rest = value.partition("://")
    if not mark:
        return Path(value).absolute()
    bucket, _, prefix = rest.rstrip("/").partition("/")
    if scheme != "s3":
        raise ValueError(f"{scheme}:// is not supported: write a folder of this machine or s3://BUCKET/PREFIX")
    parts = prefix.split("/") if prefix else []
    if not _BUCKET.fullmatch(bucket) or not all(_PART.fullmatch(part) for part in parts) or {".", ".."} & {*parts}:
        raise ValueError("write it as s3://BUCKET/PREFIX: a bucket's name and folders of letters, digits, - _ .")
    return f"{SCHEME}{bucket}/{prefix}".rstrip("/")


def check_endpoint(value: str) -> str:
    """The address of an object store without a slash at its end. Raises ValueError where it can't be one."""
    try:
        parts = urlsplit(value)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("write it as https://HOST:PORT, without a path or a log-in")
    return value.rstrip("/")


def find_object_store(endpoint: str | None, region: str | None, key: str | None, secret: str | None) -> ObjectStore:
    """The object store by these settings, and by AWS's own variables where one is None.

    Raises ValueError, naming the settings, where there is no log-in.
    """
    key, secret = key or os.environ.get("AWS_ACCESS_KEY_ID"), secret or os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        raise ValueError(
            "an object store needs a log-in: set WHALE_S3_KEY and WHALE_S3_SECRET or WHALE_S3_SECRET_FILE (or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
        )
    if endpoint is None and (url := os.environ.get("AWS_ENDPOINT_URL")):
        endpoint = check_endpoint(url)
    return ObjectStore(endpoint, region or os.environ.get("AWS_REGION") or DEFAULT_REGION, key, secret)

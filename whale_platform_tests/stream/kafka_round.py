"""`python -m whale_platform_tests.stream.kafka_round HOME`: Spark reads a topic and writes another, as the queries do.

A line of JSON on stdin is what a user sets for one cluster; all of them share the JVM. Prints one line of JSON each:
the values read in the order of their listener, and where a secret was found that should be nowhere.
"""

import json
import os
import sys
from pathlib import Path

from whale_platform.settings import Settings
from whale_platform.stream.query import queries
from whale_platform.stream.spark import session


def main(home: Path, environments: list[dict[str, str]]) -> None:
    """Do it."""
    chosen: list[Settings] = []
    secrets: dict[str, str] = {}
    for environment in environments:
        with_environment(environment)
        settings = Settings(home=home, spark_master="local[2]")
        chosen.append(settings)
        secrets |= settings.bootstrap.java_secrets()
    os.environ.update(secrets)
    spark = session.build_session(chosen[-1])
    passwords = [
        text for one in chosen for text in (one.bootstrap.password, *one.bootstrap.java_secrets().values()) if text
    ]
    jvm = Path(f"/proc/{spark.sparkContext._gateway.proc.pid}/cmdline").read_text()
    said = jvm + str(spark.sparkContext.getConf().getAll())
    for number, settings in enumerate(chosen):
        rows = queries.read_source(spark, settings, "windows", "microbatch").load()
        folder = home / f"checkpoint-{number}"
        query = queries.start_query(rows.select("key", "value"), settings, "windows", "microbatch", folder)
        query.processAllAvailable()
        said += str(query.lastProgress)
        said += query._jsq.explainInternal(True)
        query.stop()
        said += "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
        found = [text[:20] for text in passwords if text in said]
        print(json.dumps({"servers": str(settings.bootstrap), "leaked": found}), flush=True)
    spark.stop()


def with_environment(environment: dict[str, str]) -> None:
    """Set these variables, and unset what an earlier cluster had."""
    for name in [name for name in os.environ if name.startswith("WHALE_KAFKA")]:
        del os.environ[name]
    os.environ.update(environment)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [json.loads(line) for line in sys.stdin])

import os
import subprocess
import sys
from pathlib import Path

import pytest

from whale_platform.embedded import java

PROGRAM = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
print("rows", spark.range(1000).selectExpr("sum(id) AS s").first().s)
print("java", spark._jvm.System.getProperty("java.version"))
spark.stop()
"""


@pytest.mark.server
def test_spark_runs_on_the_bundled_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHALE_JAVA_HOME", raising=False)
    monkeypatch.setenv("WHALE_JAVA", "bundled")
    environment = {**os.environ, **java.java_environment(tmp_path / "tools")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "rows 499500" in done.stdout
    assert "java 21." in done.stdout

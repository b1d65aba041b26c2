"""Reads the footer of a Parquet file by the driver's JVM: rows, and the range of some columns."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import SparkSession

from whale_platform.lake.delta.schema import STATISTICS_COLUMNS
from whale_platform.lake.delta.table import NewFile, hour_folder
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def describe_file(session: SparkSession, root: Folder, path: Folder) -> NewFile:
    """The file at `…/date=D/hour=H/name` as it is to be in the table at `root`, under a name of its own."""
    day, hour = path.parent.parent.name.partition("=")[2], int(path.parent.name.partition("=")[2])
    start = datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00")
    rows, ranges = _read_footer(session, path)
    stats = {
        "minValues": {name: low for name, (low, _) in ranges.items()},
        "maxValues": {name: high for name, (_, high) in ranges.items()},
    }
    return NewFile(f"{hour_folder(start)}/part-{uuid.uuid4()}.parquet", start, rows, path.stat().st_size, stats)


def _read_footer(session: SparkSession, path: Folder) -> tuple[int, dict[str, tuple[Any, Any]]]:
    jvm: Any = session._jvm
    place = jvm.org.apache.hadoop.fs.Path(folders.spark_path(path))
    source = jvm.org.apache.parquet.hadoop.util.HadoopInputFile.fromPath(
        place,
        session._jsc.hadoopConfiguration(),
    )
    reader = jvm.org.apache.parquet.hadoop.ParquetFileReader.open(source)
    try:
        rows = 0
        ranges: dict[str, tuple[Any, Any]] = {}
        for block in reader.getFooter().getBlocks():
            rows += int(block.getRowCount())
            for column in block.getColumns():
                name, found = str(column.getPath().toDotString()), column.getStatistics()
                if name in STATISTICS_COLUMNS and found.hasNonNullValue():
                    low, high = (
                        _decode_statistic(name, found.genericGetMin()),
                        _decode_statistic(name, found.genericGetMax()),
                    )
                    before = ranges.get(name, (low, high))
                    ranges[name] = (min(before[0], low), max(before[1], high))
    finally:
        reader.close()
    return rows, {name: (_format_statistic(low), _format_statistic(high)) for name, (low, high) in ranges.items()}


def _decode_statistic(name: str, value: Any) -> Any:
    if isinstance(value, int):
        return EPOCH + timedelta(microseconds=value) if name == "event_time" else value
    return str(value.toStringUsingUTF8())


def _format_statistic(value: Any) -> Any:
    return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value

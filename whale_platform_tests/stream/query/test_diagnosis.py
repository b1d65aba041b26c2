"""What an error and a checkpoint's files say: traces that Spark 4.3 gave for damages made by hand, cut short."""

import json
import zlib
from pathlib import Path

import pytest

from whale_platform.stream.query.diagnosis import (
    LostOffsets,
    classify_failure,
    explain_torn_file,
    find_losses,
)

QUERY = "org.apache.spark.sql.streaming.StreamingQueryException: "
IN = "\n\tat org.apache.spark.sql.execution.streaming."
TRACES = {
    "torn": [
        f"{QUERY}Failed to read log file file:/c/offsets/2. Incomplete log file",
        f"{QUERY}Checksum error: file:/c/offsets/2 at 512\nCaused by: org.apache.hadoop.fs.ChecksumException: Checksum",
        f"{QUERY}Unexpected end-of-input\nCaused by: com.fasterxml.jackson.core.io.JsonEOFException: Unexpected",
        f"{QUERY}assertion failed{IN}runtime.MicroBatchExecution.initializeExecution(M.scala:5)",
        f"{QUERY}[STREAMING_CHECKPOINT_MISSING_METADATA_FILE] Checkpoint location is in an inconsistent state",
    ],
    "another version of Spark": [f"{QUERY}Failed to read log file. [INVALID_LOG_VERSION.MAX_SUPPORTED_VERSION] Unsup"],
    "another form": [f"{QUERY}[STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE] Provided value schema does not match"],
    "state can't be read": [
        f"{QUERY}[CANNOT_LOAD_STATE_STORE.UNCATEGORIZED] An error occurred during loading state.",
        f"{QUERY}[STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY] Cannot restart streaming query",
    ],
    "gone from the topic": [
        f"{QUERY}Partition raw_crypto_trades-0's offset was 2400; Some data may have been lost because they are not",
    ],
}


@pytest.mark.parametrize(("words", "trace"), [(words, trace) for words, found in TRACES.items() for trace in found])
def test_a_damage_is_known_by_its_trace(words: str, trace: str) -> None:
    assert words in (classify_failure(trace) or "")


@pytest.mark.parametrize(
    "trace",
    [
        "",
        f"{QUERY}Job aborted\nCaused by: java.io.IOException: No space left on device{IN}state.RocksDB.load(R.scala:1)",
        f"{QUERY}timed out\nCaused by: org.apache.kafka.common.errors.TimeoutException: Timeout expired",
        f"{QUERY}Job aborted\nCaused by: java.lang.OutOfMemoryError: Java heap space{IN}state.RocksDB.load(R.scala:1)",
        f"{QUERY}[STREAM_FAILED] terminated{IN}runtime.MicroBatchExecution.runBatch(MicroBatchExecution.scala:1)",
        f"{QUERY}Job aborted due to stage failure: Task 1 in stage 3.0 failed 1 times, most recent failure: Lost task "
        f"1.0 (TID 26) (127.0.0.1 executor 0): ExecutorLostFailure (executor 0 exited){IN}state.RocksDB.load(R:1)",
        f"{QUERY}Job aborted\nCaused by: IOException: Failed to connect to /10.0.0.1:43{IN}state.RocksDB.load(R)",
        f"{QUERY}[CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT] Error writing state store files",
        f"{QUERY}[CANNOT_LOAD_STATE_STORE.UNCATEGORIZED] An error occurred\nCaused by: "
        f"org.apache.hadoop.fs.s3a.AWSServiceThrottledException: getFileStatus{IN}state.RocksDB.load(R:1)",
        f"{QUERY}read\nCaused by: java.nio.file.AccessDeniedException: s3a://b/c{IN}checkpointing.HDFSMetadataLog.get(H:1)",
        f"{QUERY}python\nwhale_platform.storage.errors.ObjectStoreError: it failed{IN}state.RocksDB.load(R)",
        f"{QUERY}No host\nCaused by: org.apache.kafka.common.errors.UnknownTopicOrPartitionException",
    ],
)
def test_what_passes_by_itself_is_no_damage(trace: str) -> None:
    assert classify_failure(trace) is None


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A checkpoint as Spark leaves it, checksums and all."""
    offsets = f'v1\n{{"conf":"{"x" * 600}"}}\n{json.dumps({"raw_crypto_trades": {"0": 7}})}'
    for name, text in {
        "metadata": '{"id":"1"}',
        "offsets/9": "",
        "offsets/10": offsets,
        "commits/10": "v2\n{}",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        made = [zlib.crc32(text.encode()[at : at + 512]).to_bytes(4, "big") for at in range(0, len(text), 512)]
        file.with_name(f".{file.name}.crc").write_bytes(b"crc\0" + (512).to_bytes(4, "big") + b"".join(made))
    return tmp_path


def test_a_whole_checkpoint_and_none_are_not_torn(whole: Path, tmp_path: Path) -> None:
    assert explain_torn_file(whole) is None
    assert explain_torn_file(tmp_path / "none") is None
    for crc in whole.rglob("*.crc"):
        crc.write_bytes(b"")
    assert explain_torn_file(whole) is None, "a lost checksum file is one that Spark does not ask either"


@pytest.mark.parametrize("name", ["metadata", "offsets/10", "commits/10"])
@pytest.mark.parametrize("how", ["empty", "half", "garbage", "a bit", "no checksum and half"])
def test_a_file_that_spark_begins_with_is_looked_at(whole: Path, name: str, how: str) -> None:
    file = whole / name
    content = bytearray(file.read_bytes())
    if how == "a bit":
        content[len(content) // 2] ^= 1
    if how.startswith("no checksum"):
        file.with_name(f".{file.name}.crc").unlink()
    half = bytes(content[: len(content) // 2])
    changed = {"empty": b"", "garbage": b"\xff\x00{", "a bit": bytes(content)}.get(how, half)
    file.write_bytes(changed)
    assert name in (explain_torn_file(whole) or "")


def test_a_missing_metadata_file_is_one_too(whole: Path) -> None:
    (whole / "metadata").unlink()
    assert "metadata" in (explain_torn_file(whole) or "")


@pytest.mark.parametrize(
    ("position", "same", "expected", "words"),
    [
        ({0: 50}, True, LostOffsets(0, 10, 9, "none"), "read again from offset 10, nothing lost"),
        ({0: 10}, True, LostOffsets(0, 10, 9, "none"), "nothing lost"),
        ({0: 3}, True, LostOffsets(0, 3, 9, "expired"), "offsets 3 to 9 are lost (expired)"),
        ({}, True, LostOffsets(0, 0, 9, "expired"), "offsets 0 to 9"),
        ({0: 120}, True, LostOffsets(0, 100, 119, "truncated"), "offsets 100 to 119 are lost (truncated)"),
        ({0: 50}, False, LostOffsets(0, 50, None, "recreated"), "all that came after offset 49 is lost (recreated)"),
    ],
)
def test_what_is_lost_is_exact(position: dict[int, int], same: bool, expected: LostOffsets, words: str) -> None:
    (found,) = find_losses(position, same, {0: 10}, {0: 100})
    assert found == expected
    assert words in str(found)


def test_a_partition_that_is_gone_and_one_that_is_new() -> None:
    assert find_losses({1: 5}, True, {0: 0}, {0: 8}) == [LostOffsets(0, 0, -1, "none"), LostOffsets(1, 5, None, "gone")]
    assert find_losses({1: 5}, False, {0: 0}, {0: 8}) == [
        LostOffsets(0, 0, None, "recreated"),
        LostOffsets(1, 5, None, "recreated"),
    ]

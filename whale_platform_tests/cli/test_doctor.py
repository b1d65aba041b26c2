"""`whale doctor` as an operator runs it: what is set wrongly, and what each exchange answers."""

from pathlib import Path

from whale_platform_tests.cli.test_commands import whale


def test_doctor_names_misspelt_variables_and_each_exchange(tmp_path: Path) -> None:
    closed = "ws://127.0.0.1:9"
    given = {"WHALE_KAFKA_PROT": "1", "WHALE_NODE": "bundled"}
    done = whale(tmp_path, "doctor", **given, WHALE_BINANCE_WS_URL=closed, WHALE_EXCHANGES="binance")
    assert "WHALE_KAFKA_PROT is not a setting" in done.stdout
    assert "WHALE_NODE" not in done.stdout
    assert "did you mean WHALE_KAFKA_PORT?" in done.stdout
    assert "binance: stream Connection refused" in done.stdout


def test_doctor_names_an_order_book_that_two_exchanges_publish(tmp_path: Path) -> None:
    closed = {f"WHALE_{name}_WS_URL": "ws://127.0.0.1:9" for name in ("COINBASE", "COINBASE_ADVANCED")}
    closed |= {name.replace("WS_URL", "REST_URL"): "http://127.0.0.1:9" for name in closed}
    names = {"WHALE_EXCHANGES": "coinbase,coinbase_advanced", "WHALE_SYMBOLS": "BTC"}
    done = whale(tmp_path, "doctor", **names, **closed)
    (line,) = (line for line in done.stdout.split("BAD") if "count twice" in line)
    assert "coinbase and coinbase_advanced publish the same order book" in line
    assert "leave one of the two" in line
    assert done.returncode == 1

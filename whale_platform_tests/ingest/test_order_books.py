"""Two exchanges that publish one order book: the ingester does not begin, and says what to do."""

from pathlib import Path

import structlog

from whale_platform.ingest.service import main
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform.supervision.runtime.runner import ServiceContext


def test_one_order_book_by_two_exchanges_blocks_the_ingester(tmp_path: Path) -> None:
    closed = {f"{name}_rest_url": "http://127.0.0.1:9" for name in ("coinbase", "coinbase_advanced")}
    settings = Settings.model_validate(
        {"home": tmp_path, "exchanges": "coinbase,coinbase_advanced", "symbols": "BTC", **closed}
    )
    context = ServiceContext(settings, Heartbeat("ingester"), structlog.get_logger())
    assert main(context) == exit_codes.BLOCKED
    assert context.heartbeat.state == "blocked"
    assert "each trade of BTC-USD would count twice: leave one of the two" in context.heartbeat.detail

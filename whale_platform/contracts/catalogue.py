"""Every message of the platform by its topic."""

from whale_platform.contracts import (
    dead_letter,
    ingest_gap,
    raw_trade,
    stream_loss,
    stream_position,
    trade_window,
    whale_alert,
)
from whale_platform.contracts.message_contract import MessageContract

CONTRACTS: dict[str, MessageContract] = {
    one.CONTRACT.topic: one.CONTRACT
    for one in (raw_trade, trade_window, whale_alert, dead_letter, ingest_gap, stream_loss, stream_position)
}

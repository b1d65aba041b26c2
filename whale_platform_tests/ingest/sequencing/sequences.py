"""Short forms of what the sequencer is told and returns, for its tests."""

from collections.abc import Sequence

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.backfill_range import BackfillRange
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform_tests.ingest.builders import trade


def feed(sequencer: Sequencer, *numbers: int) -> list[int]:
    return [out.trade_id for number in numbers for out in sequencer.add_live(trade(number))]


def restarted(number: int, after: int) -> Trade:
    """Trade `number` of ids that began again once `after` was published."""
    return trade(number, price="77")._replace(event_time=trade(after + number).event_time)


def ids(trades: Sequence[Trade]) -> list[int]:
    return [one.trade_id for one in trades]


def history(id_range: BackfillRange, *absent: int) -> dict[int, Trade | None]:
    return {n: trade(n, source="repair") for n in range(id_range.first_id, id_range.last_id + 1) if n not in absent}


def wanted(sequencer: Sequencer) -> BackfillRange:
    id_range = sequencer.find_wanted()
    assert id_range is not None
    return id_range


def garbled(number: int, shown: int) -> Trade:
    """Trade `number` under the id `shown`."""
    return trade(number)._replace(trade_id=shown)

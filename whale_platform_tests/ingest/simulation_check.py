"""What must hold of a simulated history in the end: read from its topic and ledger, not from the ingester's state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from whale_platform.domain.epochs import EPOCH, epoch_of, exchange_id
from whale_platform.domain.names import INGEST_GAPS, RAW_TRADES
from whale_platform.ingest.sequencing.gap import decode_gap
from whale_platform_tests.ingest.simulated_fills import SYMBOL

if TYPE_CHECKING:
    from whale_platform_tests.ingest.simulation import World


def check(world: World) -> None:
    """Every true trade once, under its own id; every hole explained; nothing waits.

    Of an id space that has ended a trade may be missing where a row covers it, as no program can tell the id of the
    first trade behind a gap there. Compare 1010, 1011 shown as 1013, 1014, where the exchange left out 1012 and 1013,
    with 1010, 1013, 1014, where it left out 1011 and 1012, both with equal times and prices: the frames are the same,
    and so is every answer of history once the ids have begun again before it was read. Published, the trade has a wrong
    id in one of the two; so it is kept back in both, and the row says unrepaired. While the space goes on, the answers
    differ, and each of its trades must be there.
    """
    rows = [json.loads(value) for value in world.producer.sent[RAW_TRADES]]
    ledger = {gap.first_id: gap for gap in (decode_gap(value)[1] for value in world.producer.sent[INGEST_GAPS])}
    ids: dict[int, int] = {}
    for row in rows:
        serial = int(row["price"].partition(".")[0]) - 1
        assert serial not in ids, f"{world.fills[serial]} is published twice"
        ids[serial] = row["trade_id"]
        garbled = f"{world.fills[serial]} was published as {row['trade_id']}"
        assert exchange_id(row["trade_id"]) == world.fills[serial].number, garbled
    assert len(set(ids.values())) == len(ids), "one id for two trades"
    if not ids:
        return
    bases = {world.fills[serial].space: number - exchange_id(number) for serial, number in ids.items()}
    first = min(world.fills[serial].number for serial in ids if world.fills[serial].space == min(bases))
    for fill in world.fills:
        if fill.serial in ids or fill.space < min(bases) or (fill.space == min(bases) and fill.number < first):
            continue
        assert fill.space in bases, f"nothing of id space {fill.space} was published"
        number = bases[fill.space] + fill.number
        covered = [gap for gap in ledger.values() if gap.first_id <= number <= gap.last_id]
        assert covered, f"{fill} is lost and in no row"
        kept = any(first <= number <= last for gap in covered for first, last in gap.kept)
        assert fill.space != world.space or kept, f"{fill} is lost though history has it"
    true = {bases[one.space] + one.number for one in world.fills if one.space in bases}
    known, last = sorted(ids.values()), -1
    for number in known:
        for missing in range(last + 1, number) if last >= 0 and epoch_of(last) == epoch_of(number) else ():
            covered = [gap for gap in ledger.values() if gap.first_id <= missing <= gap.last_id]
            assert covered, f"id {missing} is in no row"
            assert missing in true or {gap.state for gap in covered} & {"exchange_gap", "unrepaired"}, missing
        if last >= 0 and epoch_of(last) != epoch_of(number):
            assert any(gap.cause == "epoch" for gap in ledger.values() if gap.first_id <= epoch_of(number) * EPOCH - 1)
        last = number
    opened = [gap for gap in ledger.values() if gap.state == "open"]
    assert not opened, f"still open: {opened}"
    assert not world.pipeline.count_open_gaps()
    sequencer = world.pipeline.lines[SYMBOL].sequencer
    assert not sequencer.unconfirmed, f"still held: {list(sequencer.unconfirmed)}"

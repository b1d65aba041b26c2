"""Clusters as the API serves them: as a listing, and in the context of each member."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from whale_platform.api.models import rows
from whale_platform.domain.market import MarketKind
from whale_platform.stores.asset_tables.materialisation import HourRange, Provenance
from whale_platform.stores.asset_tables.whale_clusters import ClusterRow, StoredMember, store_clusters
from whale_platform_tests.api.builders import MINUTE, Sink, this_minute, whale
from whale_platform_tests.api.conftest import Make, client_of


def member(exchange: str, number: int, at: datetime, kind: str = "single_trade") -> StoredMember:
    market_kind: MarketKind = "perpetual" if exchange == "hyperliquid" else "spot"
    symbol = "BTCUSDT" if exchange == "binance" else "ETH-USD"
    return StoredMember(exchange, symbol, market_kind, kind, number, at, Decimal("60000.50"))


def cluster(*members: StoredMember) -> ClusterRow:
    usd: dict[MarketKind, Decimal] = {"spot": Decimal("60000.50"), "perpetual": Decimal("60000.50")}
    return ClusterRow("BTC", "buy", members, usd, 12.5, 0.0001, 0.04)


def hours_around(time: datetime) -> HourRange:
    hour = time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return HourRange(hour - timedelta(hours=1), hour + timedelta(hours=2))


def test_clusters_are_listed_newest_first_and_stand_in_the_context_of_their_members(sink: Sink, make: Make) -> None:
    sink.fill()
    at = this_minute() - 5 * MINUTE
    sink.write(
        whale(7, at, kind="sweep", fills=2, levels=1, first_price="1", last_trade_id=8, notional="1"),
        whale(8, at, sweep_first_id=7),
    )
    late = cluster(member("binance", 1, this_minute() - 3 * MINUTE), member("coinbase", 99, this_minute()))
    early = cluster(member("binance", 7, at, "sweep"), member("hyperliquid", 5, at + timedelta(milliseconds=200)))
    store_clusters(sink.dsn, hours_around(at), [early, late], Provenance("run", "code"))
    client = client_of(make())
    listed = client.get("/whales/clusters").json()["items"]
    for one in listed:
        rows.Cluster.model_validate(one)
    assert [one["trade_id"] for one in listed] == [1, 7]
    assert (listed[1]["orders"], listed[1]["exchanges"], listed[1]["false_discovery_rate"]) == (2, 2, 0.04)
    assert (listed[1]["spot_usd"], listed[1]["perpetual_usd"]) == ("60000.5", "60000.5")
    assert [one["market_kind"] for one in listed[1]["members"]] == ["spot", "perpetual"]
    page = client.get("/whales/clusters?limit=1").json()
    assert client.get("/whales/clusters", params={"limit": 1, "cursor": page["next"]}).json()["items"] == listed[1:]
    sweep = client.get("/whales/binance/BTCUSDT/7").json()
    fill = client.get("/whales/binance/BTCUSDT/8").json()
    assert sweep["cluster"] == fill["cluster"] == listed[1], "a fill is in the cluster of its order"
    assert client.get("/whales/binance/BTCUSDT/2").json()["cluster"] is None
    assert client.get("/whales/clusters?format=csv").text.startswith("exchange,symbol,trade_id,base,side,event_time")


def test_an_hour_that_is_computed_again_replaces_its_clusters_alone(sink: Sink, make: Make) -> None:
    at = this_minute()
    before = at - timedelta(hours=30)
    for time in (before, at):
        store_clusters(
            sink.dsn,
            hours_around(time),
            [cluster(member("binance", int(time.timestamp()), time), member("coinbase", 3, time))],
            Provenance("run", "code"),
        )
    store_clusters(sink.dsn, hours_around(at), [], Provenance("run", "code"))
    listed = client_of(make()).get("/whales/clusters").json()["items"]
    assert [one["trade_id"] for one in listed] == [int(before.timestamp())]

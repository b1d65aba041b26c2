"""Suggested thresholds as the API serves them."""

from datetime import UTC, datetime
from decimal import Decimal

from whale_platform.api.models.thresholds import Suggestions
from whale_platform.domain.suggestion import HourChoice, SuggestionRange, ThresholdChoice, ThresholdSuggestion
from whale_platform.stores.asset_tables.threshold_suggestions import store_suggestions
from whale_platform_tests.api.builders import Sink
from whale_platform_tests.api.conftest import Make, client_of

ASKED = SuggestionRange(datetime(2026, 3, 2, tzinfo=UTC), days=2)
CHOICES = [
    ThresholdChoice(10, Decimal("98500"), [9, 10]),
    ThresholdChoice(10, Decimal(7), [10, 10], by_hour=True),
    ThresholdChoice(None, Decimal("0.5"), None),
]


def suggestion(symbol: str, hours_of_week: tuple[HourChoice, ...] = ()) -> ThresholdSuggestion:
    return ThresholdSuggestion(
        "binance", symbol, 10, Decimal("98500"), 48, 5_000, Decimal("1E+6"), CHOICES, hours_of_week
    )


def test_what_was_computed_last_is_served_and_nothing_before(sink: Sink, make: Make) -> None:
    client = client_of(make())
    assert client.get("/thresholds/suggestions").json() == {"items": []}
    store_suggestions(sink.dsn, ASKED, [suggestion("ADAUSDT"), suggestion("BTCUSDT")])
    store_suggestions(sink.dsn, ASKED, [suggestion("BTCUSDT"), suggestion("ETHUSDT", (HourChoice(9, Decimal(7), 3),))])
    found = client.get("/thresholds/suggestions").json()
    Suggestions.model_validate(found)
    assert [one["symbol"] for one in found["items"]] == ["BTCUSDT", "ETHUSDT"]
    (eth,) = client.get("/thresholds/suggestions?symbol=ETHUSDT").json()["items"]
    assert eth["choices"] == [
        {"per_day": 10, "usd": "98500", "alerts": [9, 10], "by_hour": False},
        {"per_day": 10, "usd": "7", "alerts": [10, 10], "by_hour": True},
        {"per_day": None, "usd": "0.5", "alerts": None, "by_hour": False},
    ]
    assert (eth["usd"], eth["largest_usd"], eth["days"], eth["until"]) == (
        "98500",
        "1000000",
        2,
        "2026-03-02T00:00:00Z",
    )
    assert eth["hours_of_week"] == [{"hour_of_week": 9, "usd": "7", "alerts": 3}]
    assert client.get("/thresholds/suggestions?kind=sweep").status_code == 422
    store_suggestions(sink.dsn, ASKED, [])
    assert client.get("/thresholds/suggestions").json() == {"items": []}

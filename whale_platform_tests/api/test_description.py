"""The OpenAPI description, and what schemathesis makes of it: no 500, no answer that is not described."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from whale_platform.api import app as apps
from whale_platform.api.endpoints import daily_reports, dashboard, listings, thresholds
from whale_platform.api.endpoints.dependencies import AppDependencies
from whale_platform.files.atomic_files import write_json
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.api.builders import Sink
from whale_platform_tests.api.conftest import Make, client_of

EXAMPLES = 15


@pytest.fixture
def whole(sink: Sink, make: Make) -> AppDependencies:
    sink.fill()
    return make(api_rate=1e6)


ROUTES = [*listings.router.routes, *thresholds.router.routes, *dashboard.router.routes, *daily_reports.router.routes]
PATHS = [route.path_format for route in ROUTES if isinstance(route, APIRoute) and "GET" in (route.methods or ())]
RIGHT, WRONG = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
WITHOUT_PARAMETERS = ("/health", "/metrics", "/reports/daily", "/thresholds")  # nothing can be wrong with them


@pytest.mark.parametrize(
    ("path", "mode"),
    [*((path, RIGHT) for path in PATHS), *((path, WRONG) for path in PATHS if path not in WITHOUT_PARAMETERS)],
)
def test_nothing_that_is_asked_breaks_it(whole: AppDependencies, path: str, mode: schemathesis.GenerationMode) -> None:
    served, app = apps.build_app(whole)
    schema = schemathesis.openapi.from_dict(app.openapi())
    client = TestClient(served)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case[Any]) -> None:
        answer = schemathesis.Response.from_any(
            client.request(case.method, case.formatted_path, params=case.query, headers=_sendable(case.headers))
        )
        checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
        case.validate_response(answer, checks=checks)

    operation = schema[path]["GET"]
    given(case=operation.as_strategy(generation_mode=mode))(ask)()


def _sendable(headers: Mapping[str, object] | None) -> dict[str, str]:
    return {str(name): str(value) for name, value in (headers or {}).items()}


def test_every_bound_is_written_in_the_words_of_json_schema(client: TestClient) -> None:
    """The id of a whale had `ge` and `lt`, which no client knows."""
    whole = client.get("/openapi.json").json()
    operations = [operation for path in whole["paths"].values() for operation in path.values()]
    parameters = [one for operation in operations for one in operation.get("parameters", ())]
    assert not [one["name"] for one in parameters if one["schema"].keys() & {"ge", "gt", "le", "lt", "multiple_of"}]
    trade_id = next(one["schema"] for one in parameters if one["name"] == "trade_id")
    assert (trade_id["minimum"], trade_id["exclusiveMaximum"]) == (0, 2**63)


def test_every_field_of_a_number_has_its_unit_and_example(client: TestClient) -> None:
    whole = client.get("/openapi.json").json()
    shapes = whole["components"]["schemas"]
    for name in ("Window", "Rollup", "Whale", "Latest"):
        for field, shape in shapes[name]["properties"].items():
            if shape.get("pattern"):
                assert shape["description"], f"{name}.{field}"
    assert "HTTPValidationError" not in json.dumps(whole)
    assert whole["paths"]["/whales"]["get"]["responses"]["422"]["content"].keys() == {"application/problem+json"}


def test_metrics_are_what_prometheus_reads(client: TestClient) -> None:
    client.get("/latest")
    client.get("/no/such")
    text = client.get("/metrics").text
    assert 'whale_api_requests_total{path="/latest",status="200"} 1.0' in text
    assert 'whale_api_requests_total{path="other",status="404"} 1.0' in text
    assert 'whale_gaps{state="repaired"} 1.0' in text and "whale_postgres_up 1.0" in text
    assert 'whale_api_request_seconds_bucket{le="0.005",path="/latest"}' in text


def test_metrics_tell_of_each_exchange_while_the_ingester_beats(sink: Sink, make: Make, tmp_path: Path) -> None:
    client = client_of(make())
    binance = {
        "exchange": "binance",
        "state": "connected",
        "detail": "connected 3 symbols",
        "trades_per_s": 12.5,
        "delay_ms": 84.0,
        "clock_offset_ms": -1500.0,
        "gaps_open": 1,
        "gaps_repaired": 2,
        "reconnects": 4,
        "symbols": 3,
    }
    away = {"exchange": "coinbase", "state": "unavailable", "delay_ms": None, "clock_offset_ms": None}
    last = heartbeat.Heartbeat("ingester", state="ready", numbers={"trades": 9, "exchanges": [binance, binance | away]})
    heartbeat.write_heartbeat(tmp_path, last)
    lines = client.get("/metrics").text.splitlines()
    for name, value in (
        ("connected", "1.0"),
        ("trades_per_second", "12.5"),
        ("delay_seconds", "0.084"),
        ("clock_offset_seconds", "-1.5"),
        ("gaps_open", "1.0"),
        ("gaps_repaired_total", "2.0"),
        ("reconnects_total", "4.0"),
        ("symbols", "3.0"),
    ):
        assert f'whale_exchange_{name}{{exchange="binance"}} {value}' in lines
    of_coinbase = [line for line in lines if line.startswith("whale_exchange") and "coinbase" in line]
    assert 'whale_exchange_connected{exchange="coinbase"} 0.0' in of_coinbase
    assert not [line for line in of_coinbase if "delay" in line or "offset" in line]
    last.at = time.time() - 60
    write_json(heartbeat.heartbeat_path(tmp_path, "ingester"), asdict(last))
    assert "whale_exchange" not in client.get("/metrics").text

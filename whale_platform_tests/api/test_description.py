"""The OpenAPI description, and what schemathesis makes of it: no 500, no answer that is not described."""

import json
from collections.abc import Mapping
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
from whale_platform.api import routes
from whale_platform_tests.api.conftest import Make
from whale_platform_tests.api.samples import Sink

EXAMPLES = 15


@pytest.fixture
def whole(sink: Sink, make: Make) -> apps.Parts:
    sink.fill()
    return make(api_rate=1e6)


PATHS = [route.path for route in routes.router.routes if isinstance(route, APIRoute)]
RIGHT, WRONG = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
WITHOUT_PARAMETERS = ("/health", "/metrics")  # nothing can be wrong with them


@pytest.mark.parametrize(
    ("path", "mode"),
    [*((path, RIGHT) for path in PATHS), *((path, WRONG) for path in PATHS if path not in WITHOUT_PARAMETERS)],
)
def test_nothing_that_is_asked_breaks_it(whole: apps.Parts, path: str, mode: schemathesis.GenerationMode) -> None:
    served, app = apps.build(whole)
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

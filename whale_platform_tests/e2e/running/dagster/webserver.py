"""What the UI asks of Dagster's webserver, asked directly."""

import json
import time
import urllib.request
from typing import Any

WITHIN_S = 120
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "whale_platform"}
LAUNCH = """mutation($to: JobOrPipelineSelector!, $config: RunConfigData) {
  launchRun(executionParams: {selector: $to, runConfigData: $config}) {
    ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}
  }}"""
TERMINATE = """mutation($run: String!) {terminateRun(runId: $run) {
  __typename ... on PythonError {message} ... on TerminateRunFailure {message}}}"""

LOG = "query($run: ID!) {logsForRun(runId: $run) {... on EventConnection {events {... on MessageEvent {message}}}}}"
MATERIALISED = (
    "query($run: ID!) {runOrError(runId: $run) {... on Run {stats {... on RunStatsSnapshot {materializations}}}}}"
)


def ask(url: str, query: str, variables: dict[str, Any] | None = None) -> Any:
    """The answer's data. A question is asked again while the webserver does not answer; a mutation is sent once."""
    until = time.monotonic() + WITHIN_S
    while True:
        try:
            return _send(url, query, variables or {})
        except OSError:
            if query.startswith("mutation") or time.monotonic() > until:
                raise
            time.sleep(0.5)


def _send(url: str, query: str, variables: dict[str, Any]) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)["data"]


def runs(url: str, limit: int = 100) -> list[dict[str, Any]]:
    """The last runs, newest first."""
    found = ask(url, f"{{runsOrError(limit: {limit}) {{... on Runs {{results {{runId jobName status}}}}}}}}")
    return list(found["runsOrError"]["results"])


def log(url: str, run_id: str) -> list[str]:
    """The lines of a run's log."""
    events = ask(url, LOG, {"run": run_id})["logsForRun"]["events"]
    return [str(event["message"]) for event in events]


def launch(url: str, job: str, config: dict[str, Any] | None = None) -> str:
    """Launch a job as its Launchpad does; the run's id."""
    answer = ask(url, LAUNCH, {"to": {**REPOSITORY, "pipelineName": job}, "config": config or {}})
    return str(answer["launchRun"]["run"]["runId"])


def terminate(url: str, run_id: str) -> None:
    """The Terminate button."""
    assert ask(url, TERMINATE, {"run": run_id})["terminateRun"]["__typename"] == "TerminateRunSuccess"

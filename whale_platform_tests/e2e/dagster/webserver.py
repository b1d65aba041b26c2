"""What the UI asks of Dagster's webserver, asked directly."""

import contextlib
import json
import urllib.request
from typing import Any

REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "whale_platform"}
LAUNCH = """mutation($to: JobOrPipelineSelector!, $config: RunConfigData) {
  launchRun(executionParams: {selector: $to, runConfigData: $config}) {
    ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}
  }}"""
TERMINATE = """mutation($run: String!) {terminateRun(runId: $run) {
  __typename ... on PythonError {message} ... on TerminateRunFailure {message}}}"""


def ask(url: str, query: str, variables: dict[str, Any] | None = None) -> Any:
    """The answer's data; None where the webserver does not answer."""
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]
    return None


def runs(url: str, limit: int = 100) -> list[dict[str, Any]]:
    """The last runs, newest first."""
    found = ask(url, f"{{runsOrError(limit: {limit}) {{... on Runs {{results {{runId jobName status}}}}}}}}")
    return list(found["runsOrError"]["results"]) if found else []


def launch(url: str, job: str, config: dict[str, Any] | None = None) -> str:
    """Launch a job as its Launchpad does; the run's id."""
    answer = ask(url, LAUNCH, {"to": {**REPOSITORY, "pipelineName": job}, "config": config or {}})
    return str(answer["launchRun"]["run"]["runId"])


def terminate(url: str, run_id: str) -> None:
    """The Terminate button; what it answers is not the point: after a new code server it is a failure, and works."""
    ask(url, TERMINATE, {"run": run_id})

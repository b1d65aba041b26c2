"""Launches Dagster's runs: jobs as the code server's children, a shift without any process.

A shift follows a service that the supervisor keeps, so its run is only written down: begun here, told and ended by
the sensor (`shifts.py`). Terminating it asks the supervisor for a restart. Runs of jobs end with the code server; run
monitoring asks here whether a run still has its process, so that none stays `started` for ever.
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import ConfigurableClassData, deserialize_value

from whale_platform.supervision.control.state_files import read_working_state, request_restart

SERVICE_TAG = "whale/service"
SUPERVISOR_TAG = "whale/supervisor"


class ServiceLauncher(dg.DefaultRunLauncher):
    """Named in dagster.yaml, with the home; loaded by every process of the instance."""

    def __init__(self, home: Path, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data=inst_data)
        self._home = home.resolve()

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the schema of `run_launcher.config` in dagster.yaml."""
        return {"home": dg.Field(dg.StringSource, description="The home's folder.")}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> "ServiceLauncher":
        """Return the launcher that dagster.yaml describes."""
        return cls(Path(config_value["home"]), inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """A shift begins at once, or fails with the reason; any other run is the default launcher's."""
        run = context.dagster_run
        service = run.tags.get(SERVICE_TAG)
        if service is None:
            super().launch_run(context)
            return
        state = read_working_state(self._home, service)
        if state is None:
            self._instance.report_run_failed(run, explain_unsupervised(service, str(self._home)))
            return
        self._instance.add_run_tags(run.run_id, {SUPERVISOR_TAG: state["life"]})
        begun = f"The shift begins: this run follows the {service}, which the supervisor (pid {state['pid']}) keeps."
        report_event(self._instance, run, dg.DagsterEventType.PIPELINE_START, begun)

    def terminate(self, run_id: str) -> bool:
        """A shift's service is restarted, and the run is over."""
        run = self._instance.get_run_by_id(run_id)
        service = run.tags.get(SERVICE_TAG) if run is not None else None
        if run is None or service is None:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        if run.is_finished:
            return False
        request_restart(self._home, service)
        self._instance.report_run_canceling(run, f"The supervisor is asked to restart the {service}.")
        self._instance.report_run_canceled(run, "The shift was terminated; the next run follows the new process.")
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: a killed code server takes its runs with it and says nothing."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the code server that launched `run` still knows it; one that does not answer proves nothing."""
        if SERVICE_TAG in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:  # a command line executes it
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=5)
        except DagsterUserCodeUnreachableError:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "its process ended with the code server that launched it")


def explain_unsupervised(service: str, home: str) -> str:
    """Why a shift can't be."""
    return (
        f"No supervisor keeps the {service} of {home}: the services start with `whale up`, or with "
        "`docker compose up` where they are containers."
    )


def report_event(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType, message: str) -> None:
    """Write down that `run` has begun or ended."""
    instance.report_dagster_event(dg.DagsterEvent(kind.value, run.job_name, message=message), run.run_id)


def log_to_run(instance: dg.DagsterInstance, run: dg.DagsterRun, message: str, at: float | None, warns: bool) -> None:
    """A line in the run's log. `at`: epoch seconds."""
    level = logging.WARNING if warns else logging.INFO
    entry = dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level=level,
        user_message=message,
        run_id=run.run_id,
        timestamp=at or time.time(),
        job_name=run.job_name,
    )
    instance.handle_new_event(entry)

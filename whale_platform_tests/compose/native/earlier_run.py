"""Run in a container of Dagster's, by its text: exit code 0 if a run of an earlier code server is found failed."""

import json
import sys
from pathlib import Path

import yaml
from dagster._core.launcher.base import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import instance_for_test

from whale_platform.defs.services.jobs import CONTROL_JOBS

server = json.loads(Path("/state/dagster/workspace.yaml").read_text())["load_from"][0]["grpc_server"]
launcher = yaml.safe_load(Path("/state/dagster/dagster.yaml").read_text())["run_launcher"]
with instance_for_test(overrides={"run_launcher": launcher | {"config": {"home": "/state"}}}) as instance:
    told = {GRPC_INFO_TAG: json.dumps({"host": server["host"], "port": server["port"]})}
    run = instance.create_run_for_job(CONTROL_JOBS[0], tags=told)
    found = instance.run_launcher.check_run_worker_health(run)
sys.exit(0 if found.status is WorkerStatus.FAILED else f"{found}")

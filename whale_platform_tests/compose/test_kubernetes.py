"""deploy/kubernetes/: what the API of Kubernetes takes, what fits the settings and each other, and may little."""

import importlib.util
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from whale_platform.settings import ROOT, Settings
from whale_platform.stream import batch_recompute, slots
from whale_platform.supervision.processes import termination
from whale_platform.topology.specs import build_specs

FOLDER = ROOT / "deploy" / "kubernetes"
Manifest = dict[str, Any]


def read(path: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(path.read_text()))


FILES: list[str] = read(FOLDER / "kustomization.yaml")[0]["resources"]
ALL = [(one["kind"], one["metadata"]["name"], one) for name in FILES for one in read(FOLDER / name)]
PODS = {(kind, name): one["spec"]["template"] for kind, name, one in ALL if kind in ("Deployment", "Job")}
CONTAINERS = {name: pod["spec"]["containers"][0] for (_, name), pod in PODS.items()}
NEVER_ASK_POSTGRES = {"ingester", "topics"}
each_pod = pytest.mark.parametrize("pod", PODS.values(), ids=[name for _, name in PODS])


def named(kind: str, name: str) -> Manifest:
    return next(one for its_kind, its_name, one in ALL if (its_kind, its_name) == (kind, name))


def memory(text: str) -> int:
    """Bytes of `1Gi`, `512Mi` or a JVM's `1g`."""
    number, unit = text.rstrip("MGmgi"), text.lower().strip("0123456789")[0]
    return int(number) << {"m": 20, "g": 30}[unit]


def option(container: Manifest, name: str) -> str:
    command: list[str] = container["command"]
    return command[command.index(name) + 1]


def settings() -> Settings:
    given: dict[str, str] = named("ConfigMap", "whale-settings")["data"] | named("ConfigMap", "whale-database")["data"]
    fields = {name.removeprefix("WHALE_").lower(): value for name, value in given.items()}
    assert set(fields) <= set(Settings.model_fields)
    password = fields.pop("postgres_password_file")
    assert password == "/run/secrets/whale/password", "where each pod has it mounted"
    return Settings.model_validate(fields)


def test_every_manifest_is_part_of_the_whole() -> None:
    assert sorted([*FILES, "kustomization.yaml"]) == sorted(path.name for path in FOLDER.glob("*"))


@pytest.mark.parametrize(("kind", "name", "manifest"), ALL, ids=[f"{kind}-{name}" for kind, name, _ in ALL])
def test_the_api_of_kubernetes_would_take_it(kind: str, name: str, manifest: Manifest) -> None:
    """Strictly: a field that its schema does not have is refused."""
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_every_service_of_the_platform_has_a_pod() -> None:
    assert {spec.name for spec in build_specs(settings())} <= {name for _, name in PODS}


@each_pod
def test_a_pod_may_nothing_that_it_does_not_need(pod: Manifest) -> None:
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec.get("terminationGracePeriodSeconds", 180) > termination.LONGEST_WAIT_S, (
        "or it is killed before its supervisor ends"
    )
    rights = spec["securityContext"]
    assert rights["runAsNonRoot"] and rights["runAsUser"] > 0
    assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]


@each_pod
def test_what_a_pod_mounts_and_reads_is_there(pod: Manifest) -> None:
    spec = pod["spec"]
    volumes = {volume["name"] for volume in spec["volumes"]}
    (container,) = spec["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert "/state" in mounted, "also for executors: checkpoints and lake lie there"
    plain = {one["name"]: one["value"] for one in container.get("env", []) if "value" in one}
    assert not [name for name in plain if "PASSWORD" in name or "DSN" in name]
    maps = {one["configMapRef"]["name"] for one in container.get("envFrom", [])}
    assert ("/run/secrets/whale" in mounted) == ("whale-database" in maps)
    assert ("whale-database" in maps) == ("whale-settings" in maps and container["name"] not in NEVER_ASK_POSTGRES)
    assert {plain[name] for name in ("SPARK_WORKER_DIR", "SPARK_LOCAL_DIRS") if name in plain} <= mounted


@each_pod
def test_spark_takes_no_port_from_the_names_of_services(pod: Manifest) -> None:
    """Without this every pod had SPARK_MASTER_PORT=tcp://…, at which Spark's master ends."""
    assert pod["spec"]["enableServiceLinks"] is False


def test_every_service_finds_its_pods_and_their_ports() -> None:
    labels = {name: pod["metadata"]["labels"] for (_, name), pod in PODS.items()}
    assert all(labels[name] == {"app": name} for name in labels)
    for name, spec in [(name, one["spec"]) for kind, name, one in ALL if kind == "Service"]:
        assert spec["selector"] == labels[name]
        assert {(one["name"], one["port"]) for one in spec["ports"]} == {
            (one["name"], one["containerPort"]) for one in CONTAINERS[name]["ports"]
        }


def test_what_a_container_runs_exists() -> None:
    for container in CONTAINERS.values():
        probes = [
            container[probe]["exec"]["command"] for probe in ("startupProbe", "readinessProbe") if probe in container
        ]
        for command in (container["command"], *probes):
            if command[0] == "python":
                assert importlib.util.find_spec(command[command.index("-m") + 1]), command
        assert all(probe[-1] == container["name"] for probe in probes)
    jobs = [name for kind, name in PODS if kind == "Job"]
    assert [name for name, one in CONTAINERS.items() if "startupProbe" not in one] == jobs


def test_what_must_be_alone_is_never_there_twice() -> None:
    for kind, name, one in ALL:
        if kind == "Deployment" and name != "spark-worker":
            assert (one["spec"]["replicas"], one["spec"]["strategy"]) == (1, {"type": "Recreate"}), name


def test_the_workers_have_the_slots_and_the_memory_that_the_settings_ask_for() -> None:
    given, worker = settings(), CONTAINERS["spark-worker"]
    cores = named("Deployment", "spark-worker")["spec"]["replicas"] * int(option(worker, "--cores"))
    assert given.spark_cores is not None
    assert slots.count_needed_slots(given.topic_partitions, given.stream_reducers) <= given.spark_cores <= cores
    assert memory(given.spark_executor_memory) <= memory(option(worker, "--memory"))
    daemon = next(one["value"] for one in worker["env"] if one["name"] == "SPARK_DAEMON_MEMORY")
    heaps = memory(option(worker, "--memory")) + memory(daemon)
    assert heaps * 1.5 <= memory(worker["resources"]["limits"]["memory"])
    assert f"spark://spark-master:{option(CONTAINERS['spark-master'], '--port')}" == given.spark_master
    batch = memory(batch_recompute.configure_batch(given, ROOT)["spark.driver.memory"])
    for name in ("stream", "dagster-code", "repair"):
        heap = memory(given.spark_driver_memory) if name == "stream" else batch
        assert heap * 1.5 <= memory(CONTAINERS[name]["resources"]["limits"]["memory"])
        driver = {one["name"]: one for one in CONTAINERS[name]["env"]}["WHALE_SPARK_DRIVER_HOST"]
        assert driver["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"

"""A broker alone, for cases that need nothing else of the platform. Its log says why where it does not start."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.broker import topics
from whale_platform.embedded import kafka
from whale_platform.settings import Settings


@contextmanager
def run_broker(platform: Platform) -> Iterator[Settings]:
    """The settings of a broker that runs meanwhile, in the platform's folder and on its ports."""
    ports = {"kafka_port": "WHALE_KAFKA_PORT", "kafka_controller_port": "WHALE_KAFKA_CONTROLLER_PORT"}
    settings = Settings.model_validate(
        {"home": platform.base / "broker", **{name: platform.env[variable] for name, variable in ports.items()}}
    )
    kafka.prepare_broker(settings)
    with (platform.base / "broker.log").open("ab") as log:
        broker = subprocess.Popen(kafka.broker_command(settings), stdout=log, stderr=log)
    try:
        wait_for("the broker", lambda: topics.is_reachable(settings.bootstrap))
        yield settings
    finally:
        broker.terminate()
        broker.wait()

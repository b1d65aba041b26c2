"""`python -m whale_platform.simulator`."""

from whale_platform.simulator.service import main
from whale_platform.supervision.runtime.runner import run_service

run_service("simulator", main)

"""`python -m whale_platform.simulator`."""

from whale_platform.simulator.service import main
from whale_platform.supervision.service import run_service

run_service("simulator", main)

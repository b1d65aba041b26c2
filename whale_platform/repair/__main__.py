"""`python -m whale_platform.repair`."""

from whale_platform.repair.service import main
from whale_platform.supervision.runtime.runner import run_service

if __name__ == "__main__":
    run_service("repair", main)

"""`python -m whale_platform.api`."""

from whale_platform.api.service import main
from whale_platform.supervision.runtime.runner import run_service

if __name__ == "__main__":
    run_service("api", main)

"""`python -m whale_platform.ingest`."""

from whale_platform.ingest.service import main
from whale_platform.supervision.runtime.runner import run_service

if __name__ == "__main__":
    run_service("ingester", main)

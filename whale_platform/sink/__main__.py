"""`python -m whale_platform.sink`."""

from whale_platform.sink.service import main
from whale_platform.supervision.runtime.runner import run_service

if __name__ == "__main__":
    run_service("sink", main)

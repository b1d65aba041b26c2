"""`python -m whale_platform.stream`: the stream service."""

from whale_platform.stream.service import main
from whale_platform.supervision.service import run_service

if __name__ == "__main__":
    run_service("stream", main)

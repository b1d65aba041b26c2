"""`python -m whale_platform.cli`: what `./whale` starts."""

from whale_platform.cli.app import main

if __name__ == "__main__":
    main()

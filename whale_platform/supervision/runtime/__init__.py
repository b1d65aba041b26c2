"""The frame of a Python service in its own process: settings, log, lease, heartbeat, exit code."""

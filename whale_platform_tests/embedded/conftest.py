"""The server fixtures for this folder."""

from whale_platform_tests.support.embedded_servers import settings, start, tools

__all__ = ["settings", "start", "tools"]

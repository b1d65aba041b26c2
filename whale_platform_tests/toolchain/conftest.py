"""The tool fixtures for this folder."""

from whale_platform_tests.support.embedded_servers import browser_files, tools

__all__ = ["browser_files", "tools"]

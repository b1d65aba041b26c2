"""The tools for this folder."""

from whale_platform_tests.support.embedded_servers import tools

__all__ = ["tools"]

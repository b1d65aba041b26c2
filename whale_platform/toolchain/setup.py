"""`python -m whale_platform.toolchain.setup [dev|image]`: the part of the set-up that needs the environment.

Java, the jars and the browser's files; with `dev`, also those that only tests load; with `image`, for a container,
whose broker is another one, no broker's jars, and those by which Spark reaches an object store. Run by `./whale` and
the Dockerfile. Each stamp is written last, so a set-up that was killed is repeated.
"""

import errno
import sys

from whale_platform.settings import Settings
from whale_platform.toolchain import jars, java, java_classes, shuffle_bind, web_assets
from whale_platform.toolchain.errors import ToolchainError


def main(argv: list[str]) -> int:
    """0 when all of it is there; 1 with one line on stderr otherwise."""
    tools = Settings().tools
    try:
        tools.mkdir(parents=True, exist_ok=True)
        home = java.find_java_home(tools)
        _report(f"Java: {home}{' (bundled)' if home == tools / 'java' else ''}")
        shuffle_bind.ensure_patched_jar(tools)
        if argv == ["image"]:
            jars.ensure_jars(tools, _report, ("spark", "compiler", "s3"))
        else:
            jars.ensure_jars(tools, _report)
        java_classes.ensure_compiled_jar(tools)
        if argv != ["image"]:
            stamp = tools / "jars" / "stamp"
            stamp.with_suffix(".new").write_text(jars.sha256(jars.JAR_LIST) or "")
            stamp.with_suffix(".new").replace(stamp)
        web_assets.ensure_web_assets(tools, "dev" if argv == ["dev"] else "run", _report)
    except ToolchainError as error:
        print(f"whale: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"whale: the disk under {tools} is full: free some space and run ./whale again", file=sys.stderr)
        return 1
    return 0


def _report(line: str) -> None:
    print(f"whale: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

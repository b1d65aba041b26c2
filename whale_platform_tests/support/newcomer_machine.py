"""The machine of a newcomer: the system's programs, and neither Java nor Node.js among them."""

import os
from pathlib import Path

ABSENT = ("java", "node", "nodejs", "npm", "npx")


def link_programs(folder: Path) -> Path:
    """A PATH of one folder: the system's programs but those."""
    folder.mkdir()
    for program in (one for place in os.defpath.split(os.pathsep) if place for one in Path(place).glob("*")):
        if program.name not in ABSENT and not (folder / program.name).exists():
            (folder / program.name).symlink_to(program)
    return folder


def newcomer_environment(folder: Path) -> dict[str, str]:
    """What such a person's shell has, with `link_programs(folder)`: none of the platform's variables, no JAVA_HOME."""
    ours = ("WHALE_", "VIRTUAL_ENV", "JAVA_", "SPARK_", "PYTHON", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PATH": str(link_programs(folder))}

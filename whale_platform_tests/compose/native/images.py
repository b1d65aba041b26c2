"""The images that the compose file names: ours by the Dockerfile, the others by the stand-ins' Dockerfiles."""

import sys
from pathlib import Path

from whale_platform.settings import ROOT
from whale_platform_tests.compose.native.image import Image, build, make_base, run
from whale_platform_tests.compose.stand_ins import make

TOOLS = "/app/.whale/tools"
SET_UP = "from pathlib import Path; from whale_platform.toolchain import java; java.find_java_home(Path({tools!r}))"
COMMIT = "0123abcd"


def make_images(folder: Path, tools: Path) -> dict[str, Image]:
    """By name. tools: a checkout's, with all that the set-up of an image fetches."""
    base = folder / "base"
    make_base(base)
    images = {make.image(name): Image(folder / name, base) for name in ("api", "redpanda", "postgres")}
    (folder / "commit").write_text(f"{COMMIT}\n")
    sources = {path.name: path for path in ROOT.iterdir()}
    sources |= {f"packages:{TOOLS}/{name}": tools / name for name in ("jars", "spark-classes", "web")}
    sources |= {"packages:/app/.venv": Path(sys.prefix), "commit:/commit": folder / "commit"}
    platform = images[make.image("api")]
    build(ROOT / "Dockerfile", sources, platform)
    run(platform, ["python", "-c", SET_UP.format(tools=TOOLS)])  # the part of the set-up that is not in the tools
    foreign = {"redpanda": make.redpanda_sources(tools), "postgres": make.postgres_sources()}
    for name, copied in foreign.items():
        build(make.HERE / f"{name}.Dockerfile", copied, images[make.image(name)])
    return images

"""An image by its Dockerfile, in folders: the last stage's instructions are carried out as an engine would.

The base is this machine's `/usr` and `/etc` with the environment's Python under the official image's name, and without
the programs that the official image lacks. A folder that is copied as it is, is mounted in its place. A source that is
not there, a command that fails and an instruction that is not known here raise.
"""

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whale_platform_tests.compose.native import enter

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ABSENT = ("git", "curl", "wget", "java", "node", "npm", "psql", "pg_isready")
LINKS = ("bin", "sbin", "lib", "lib64")
FOLDERS = ("dev", "home", "opt", "proc", "root", "run", "sys", "tmp", "usr", "var/lib", "var/tmp")
FIRST_ADDED_ID = 100
PYTHON = Path(sys.base_prefix)


def make_base(folder: Path) -> None:
    """The layers below every image: `root`, and `usr` over this machine's."""
    for name in FOLDERS:
        (folder / "root" / name).mkdir(parents=True)
    for name in LINKS:
        (folder / "root" / name).symlink_to(f"usr/{name}")
    shutil.copytree("/etc", folder / "root" / "etc", symlinks=True)
    for name in ("shadow", "gshadow", "subuid", "subgid"):
        (folder / "root" / "etc" / name).unlink(missing_ok=True)
    for name in ("passwd", "group"):  # those of Debian's base alone
        path = folder / "root" / "etc" / name
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if int(line.split(":")[2]) < FIRST_ADDED_ID))
    (folder / "usr" / "bin").mkdir(parents=True)
    for name in ABSENT:
        os.mknod(folder / "usr" / "bin" / name, stat.S_IFCHR)  # what overlayfs takes for a deleted file
    (folder / "usr" / "local" / "bin").mkdir(parents=True)
    for name in ("python", "python3"):
        (folder / "usr" / "local" / "bin" / name).symlink_to(os.path.realpath(sys.executable))


@dataclass
class Image:
    """Layers and defaults of containers. `mounts`: folders of this machine by their place in it, only to be read."""

    folder: Path
    base: Path
    mounts: dict[str, Path] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    work: str = "/"
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"

    def place(self, target: str) -> str:
        """The whole path of what a Dockerfile names `target`."""
        return os.path.normpath(Path(self.work) / target)

    def layer(self, target: str) -> Path:
        """Where a file of the image lies; `target` as in the Dockerfile."""
        inside = self.place(target).lstrip("/")
        return self.folder / (inside if inside.startswith("usr/") else f"root/{inside}")

    def mount(self, target: str, source: Path) -> None:
        """Have a folder of this machine at `target`."""
        self.layer(target).mkdir(parents=True, exist_ok=True)
        self.mounts[target] = source

    def owner(self, name: str) -> tuple[int, int, str]:
        """User, group and home of a user of the image. Raises KeyError."""
        own = self.folder / "root" / "etc" / "passwd"
        text = (own if own.exists() else self.base / "root" / "etc" / "passwd").read_text()
        return {one[0]: (int(one[2]), int(one[3]), one[5]) for one in (line.split(":") for line in text.splitlines())}[
            name
        ]

    def specification(self, layers: list[tuple[str, str]]) -> dict[str, Any]:
        """What `enter.py` is told of every container of this image."""
        return {
            "root": str(self.folder / "merged"),
            "hostname": "build",
            "spaces": [*enter.SPACES],
            "overlays": layers,
            "binds": [(str(source), target, "ro") for target, source in self.mounts.items()],
            "tmpfs": [],
            "shm_size": "64m",
            "folder": self.work,
            "environment": self.environment,
            "user": 0,
            "group": 0,
            "capabilities": [*enter.CAPABILITIES],
            "no_new_privileges": False,
            "init": False,
            "left": str(self.folder / "left"),
        }


def build(dockerfile: Path, sources: Mapping[str, Path], image: Image) -> None:
    """Carry out the last stage. sources: what COPY names, as `name` or `STAGE:/path`."""
    for name in ("root", "usr", "merged"):
        (image.folder / name).mkdir(parents=True)
    if not PYTHON.is_relative_to("/usr"):
        image.mount(str(PYTHON), PYTHON)
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    steps = [step.split(maxsplit=1) for step in "\n".join(lines).replace("\\\n", " ").splitlines() if step]
    last = max(number for number, step in enumerate(steps) if step[0] == "FROM")
    for word, rest in steps[last + 1 :]:
        match word:
            case "ENV":
                pairs = dict(part.partition("=")[::2] for part in shlex.split(rest))
                path = image.environment["PATH"]
                image.environment |= {name: value.replace("$PATH", path) for name, value in pairs.items()}
            case "WORKDIR":
                image.work = rest
                image.layer(rest).mkdir(parents=True, exist_ok=True)
            case "USER":
                image.user = rest
            case "COPY":
                copy(image, rest.split(), sources)
            case "RUN":
                run(image, ["/bin/sh", "-c", rest])
            case "ENTRYPOINT":
                image.entrypoint = json.loads(rest)
            case "CMD":
                image.command = json.loads(rest)
            case "STOPSIGNAL":
                image.stop_signal = rest
            case "VOLUME":
                pass
            case _:
                raise ValueError(f"{dockerfile}: {word} is not known here")


def copy(image: Image, words: list[str], sources: Mapping[str, Path]) -> None:
    """COPY: with an owner a copy, else a folder is mounted and a file copied."""
    options = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
    *names, target = [word for word in words if not word.startswith("--")]
    for name in names:
        wanted = f"{options['from']}:{name}" if "from" in options else name
        found = {key: path for key, path in sources.items() if key == wanted or key.startswith(f"{wanted}/")}
        if not found:
            raise ValueError(f"COPY {wanted}: there is no such source")
        for key, source in found.items():
            inner = Path(name).name if target.endswith("/") else ""
            place = image.place(f"{target}{inner}{key.removeprefix(wanted)}")
            if source.is_dir() and "chown" not in options:
                image.mount(place, source)
                continue
            layer = image.layer(place)
            layer.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, layer)  # with what has been compiled of it
            else:
                shutil.copy(source, layer)
            if "chown" in options:
                user, group, _ = image.owner(options["chown"])
                for path in (layer, *layer.rglob("*")):
                    os.chown(path, user, group)


def run(image: Image, words: list[str]) -> None:
    """RUN: as root, in the image so far, without a network."""
    layers = []
    for target, below in (("root", f"{image.base}/root"), ("usr", f"{image.base}/usr:/usr")):
        work = image.folder / f"work-{target}"
        work.mkdir(exist_ok=True)
        options = f"lowerdir={below},upperdir={image.folder}/{target},workdir={work}"
        layers.append(("" if target == "root" else f"/{target}", options))
    path = image.folder / "run.json"
    path.write_text(json.dumps(image.specification(layers) | {"words": words}))
    command = [sys.executable, "-I", "-S", enter.__file__, "start", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"RUN {words}: {done.stdout}\n{done.stderr}"

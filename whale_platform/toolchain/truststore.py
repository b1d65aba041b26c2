"""A Java truststore from `SSL_CERT_FILE`, so that Java trusts what Python and uv trust (a company's proxy).

Written as JKS, whose layout is simple enough to need no `keytool` run per certificate.
"""

import hashlib
import os
import ssl
import struct
from pathlib import Path

_PASSWORD = "changeit"
_PEM = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def truststore_options(folder: Path) -> list[str]:
    """JVM options that trust the certificates of `SSL_CERT_FILE`; none where it is unset or no file."""
    bundle = Path(os.environ.get("SSL_CERT_FILE") or os.devnull)
    if not bundle.is_file():
        return []
    store = folder / "truststore.jks"
    folder.mkdir(parents=True, exist_ok=True)
    store.write_bytes(build_keystore(split_certificates(bundle.read_text(errors="replace"))))
    return [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStoreType=JKS"]


def split_certificates(pem: str) -> list[bytes]:
    """The DER bytes of every certificate in `pem`, in order; text between them is passed over."""
    begin, end = _PEM
    blocks = (part.partition(end)[0] for part in pem.split(begin)[1:])
    return [ssl.PEM_cert_to_DER_cert(f"{begin}\n{block.strip()}\n{end}") for block in blocks]


def build_keystore(certs: list[bytes]) -> bytes:
    """`certs` (DER) as trusted entries of a JKS keystore with Java's usual password."""
    parts = [struct.pack(">III", 0xFEEDFEED, 2, len(certs))]
    for number, cert in enumerate(certs):
        parts += [struct.pack(">I", 2), _encode_text(f"ca{number}"), struct.pack(">Q", 0), _encode_text("X.509")]
        parts += [struct.pack(">I", len(cert)), cert]
    body = b"".join(parts)
    salted = _PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + body
    return body + hashlib.sha1(salted, usedforsecurity=False).digest()


def _encode_text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()

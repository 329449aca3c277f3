"""Proxies and certificates, which both ways to objects of S3 must treat alike: libcurl's and the client's."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

pytest.importorskip("pycurl")

from dali_mixup.sources.reading import StorageError
from dali_mixup.sources.remote import requests
from dali_mixup.sources.remote.quick import Quick
from dali_mixup.sources.remote.transfers import Transfers
from tests.object_store import KEYS, WebServer, environment
from tests.sources.boxes import NAMES, box, got, never

WAYS: dict[str, Callable[[], Transfers]] = {
    "libcurl": lambda: Transfers(never, quick=Quick()),
    "client": lambda: Transfers(),
}


@pytest.fixture
def web() -> Iterator[WebServer]:
    with box() as server:
        yield server


@pytest.fixture(params=list(WAYS))
def pool(request: pytest.FixtureRequest) -> Transfers:
    return WAYS[request.param]()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_is_asked_whatever_the_letters_of_its_variable(
    web: WebServer, pool: Transfers, variable: str
) -> None:
    web.files = {f"http://storage.invalid{path}": content for path, content in web.files.items()}
    with environment(**KEYS, AWS_ENDPOINT_URL="http://storage.invalid", **{variable: web.url}):
        content = got(pool, *NAMES)
    assert content == [web.files[f"http://storage.invalid/box/{name}"] for name in NAMES]


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_no_proxy_is_asked_for_what_needs_none(web: WebServer, pool: Transfers, variable: str) -> None:
    dead = {"HTTP_PROXY": "http://127.0.0.1:9", variable: "127.0.0.1"}
    with environment(**KEYS, AWS_ENDPOINT_URL=web.url, **dead):
        assert got(pool, *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]


def test_a_proxy_of_another_scheme_is_not_asked(web: WebServer, pool: Transfers) -> None:
    with environment(**KEYS, AWS_ENDPOINT_URL=web.url, HTTPS_PROXY="http://127.0.0.1:9"):
        assert got(pool, *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]


def certificate(folder: Path) -> tuple[Path, Path]:
    """Of a server on this machine, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(timezone.utc)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = made.add_extension(here, critical=True).add_extension(
        x509.BasicConstraints(True, None), critical=True
    )
    (folder / "public.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "secret.pem").write_bytes(secret)
    return folder / "public.pem", folder / "secret.pem"


@pytest.mark.parametrize("known", [True, False])
def test_certificates_are_checked(
    web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    public, secret = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, secret)
    web._server.socket = context.wrap_socket(web._server.socket, server_side=True)
    monkeypatch.setattr(requests, "ATTEMPTS", 2)
    if known:
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
    with environment(**KEYS, AWS_ENDPOINT_URL=web.url.replace("http:", "https:")):
        if known:
            assert got(Transfers(never, quick=Quick()), *NAMES) == [
                web.files[f"/box/{name}"] for name in NAMES
            ]
        else:
            with pytest.raises(StorageError, match="attempts failed"):
                got(Transfers(quick=Quick()), *NAMES)
            assert not web.requests

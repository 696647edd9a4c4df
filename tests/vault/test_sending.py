"""What is provably not sent, where the processor speaks TLS."""

import datetime
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from vault.sending import NotSent, Unknown, send


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def post(url: str) -> object:
    return send("POST", url, headers={}, body=b"{}", timeout_seconds=3)


def test_a_server_without_a_valid_certificate_gets_nothing(impostor: http.server.HTTPServer) -> None:
    outcome = post(f"https://127.0.0.1:{impostor.server_port}/")
    assert isinstance(outcome, NotSent)
    assert "certificate" in outcome.reason


def test_a_name_that_nobody_has_was_not_sent_to() -> None:
    assert isinstance(post("http://nobody.invalid/"), NotSent)


def test_a_refused_connection_was_not_sent(closed_port: int) -> None:
    assert isinstance(post(f"https://127.0.0.1:{closed_port}/"), NotSent)


def test_the_reason_never_quotes_the_request(impostor: http.server.HTTPServer) -> None:
    for url in (
        f"http://127.0.0.1:{impostor.server_port}/4242424242424242",
        "http://nobody.invalid/4242424242424242",
    ):
        outcome = post(url)
        assert isinstance(outcome, NotSent | Unknown)
        assert "4242" not in outcome.reason

"""Certificates of our own making, and who trusts them."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True, slots=True)
class Certified:
    """Both ends of TLS: a server with a certificate, and a client that trusts it and nobody else."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    pem: str
    """The certificate, for programs that are told by a file whom to trust."""


@lru_cache
def certified(*names: str, speech: tuple[str, ...] = ("http/1.1",)) -> Certified:
    """For these host names or addresses; ``speech`` is what the server offers."""
    certificate, private = self_signed(*names)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        both = Path(folder, "both.pem")
        both.write_bytes(private + certificate)
        server.load_cert_chain(both)
    server.set_alpn_protocols(list(speech))
    return Certified(server, ssl.create_default_context(cadata=certificate.decode()), certificate.decode())


def self_signed(*names: str, extensions: Iterable[x509.ExtensionType] = ()) -> tuple[bytes, bytes]:
    """A certificate for these host names or addresses and its private key, as PEM; the extensions are critical."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
    )
    for each in extensions:
        builder = builder.add_extension(each, critical=True)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return builder.sign(key, hashes.SHA256()).public_bytes(pem), private


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)

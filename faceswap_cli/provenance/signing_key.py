"""The key of this installation, with which Content Credentials are signed when nobody gives another.

C2PA takes no certificate that signs itself: it wants one for signing, issued by another. So there are two,
both made here: an issuer, whose key is thrown away, and the signer. Nobody vouches for either: they say that
two files come from one installation, and nothing of who that is.
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.errors import UserError
from faceswap_cli.files import atomic_output, make_folder, said_plainly, user_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, Name

ORGANISATION = "faceswap, self-signed"
"""In the certificates: c2pa takes none without an organisation."""

_YEARS = 10


@dataclass(frozen=True)
class SigningKey:
    """A key and who vouches for it.

    Attributes:
        chain: certificates in PEM, the signer's first.
        key: the private key in PEM.
        algorithm: C2PA's name, such as "es256".
    """

    chain: bytes
    key: bytes
    algorithm: str

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm})"  # the key itself belongs in no log


def own_key() -> SigningKey:
    """This installation's key, made on first use.

    Raises:
        UserError: it can't be written or read.
    """
    path = user_folder() / "signing-key.pem"
    if not path.is_file():
        _make(path)
    with said_plainly(path):
        whole = path.read_bytes()
    return _read(whole, whole, path)


def given_key(certificate: Path, key: Path) -> SigningKey:
    """A key that the user brings.

    Raises:
        UserError: a file can't be read, is no PEM, or the key is of a kind that C2PA does not know.
    """
    files = []
    for path in (certificate, key):
        if not path.is_file():
            raise UserError(f"no such file: {path}", "--cert and --key are PEM files")
        with said_plainly(path):
            files.append(path.read_bytes())
    return _read(files[0], files[1], key)


def _read(certificates: bytes, key: bytes, path: Path) -> SigningKey:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        private = serialization.load_pem_private_key(key, None)
        chain = x509.load_pem_x509_certificates(certificates)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = "PEM files are wanted: the certificates, the signer's first, and the key without a password"
        raise UserError(f"{path} and its certificate can't be used for signing", hint) from error
    if chain[0].public_key() != private.public_key():
        raise UserError(
            f"the key {path} is not that of the first certificate", "Give the two that belong together"
        )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return SigningKey(
        b"".join(one.public_bytes(pem) for one in chain),
        private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain),
        _algorithm(private, path),
    )


def _algorithm(private: object, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ec.EllipticCurvePrivateKey):
        known = {256: "es256", 384: "es384", 521: "es512"}
        if private.curve.name.startswith("secp") and private.curve.key_size in known:
            return known[private.curve.key_size]
    elif isinstance(private, rsa.RSAPrivateKey) and private.key_size >= 2048:
        return "ps256"
    elif isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise UserError(f"{path} is of a kind that C2PA does not know", "Use P-256, P-384, P-521, RSA or Ed25519")


def _make(path: Path) -> None:
    """Write a new key and its certificates, for nobody else to read."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    issuer, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    certificates = [_certificate(signer, issuer, False), _certificate(issuer, issuer, True)]
    pem = serialization.Encoding.PEM
    key = signer.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    make_folder(path.parent)
    with atomic_output(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key + b"".join(one.public_bytes(pem) for one in certificates))


def _certificate(
    owner: EllipticCurvePrivateKey, issuer: EllipticCurvePrivateKey, issues: bool
) -> Certificate:
    """A certificate as C2PA's profile wants it (C2PA Technical Specification, X.509 Certificates)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    now = datetime.datetime.now(datetime.UTC)
    public = owner.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(_name("issuer" if issues else "this installation"))
        .issuer_name(_name("issuer"))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(issues, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(not issues, False, False, False, False, issues, issues, False, False), critical=True
        )
    )
    if not issues:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        made = made.add_extension(purpose, critical=False)
    return made.sign(issuer, hashes.SHA256())


def _name(common: str) -> Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = ((NameOID.ORGANIZATION_NAME, ORGANISATION), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(*part) for part in parts])

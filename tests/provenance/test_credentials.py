"""Signed statements: made offline, without a picture of before, and broken by any change."""

from __future__ import annotations

import stat
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.files import user_folder
from faceswap_cli.media.frame import Image
from faceswap_cli.provenance import credentials
from faceswap_cli.provenance.credentials import Signer, find_signer
from faceswap_cli.provenance.marks import Kind, Marks, write_marked_photo
from faceswap_cli.provenance.signing_key import given_key, own_key
from faceswap_cli.provenance.verify import verify

if not credentials.available():
    pytest.skip("c2pa-python is not installed (pip install 'faceswap-cli[c2pa]')", allow_module_level=True)


@pytest.fixture(scope="module")
def photo() -> Image:
    path = Path(__file__).parents[1] / "data" / "face.jpg"
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


@pytest.fixture(scope="module")
def signer() -> Signer:
    found = find_signer(None, None)
    assert found is not None
    return found


def test_the_key_is_made_once_and_for_nobody_else_to_read(signer: Signer) -> None:
    path = user_folder() / "signing-key.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert own_key() == signer.key
    assert "PRIVATE" not in repr(signer)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_signed_photo_is_valid_but_not_trusted(
    tmp_path: Path, photo: Image, signer: Signer, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    write_marked_photo(path, photo, Marks(signer=signer))
    report = verify(path)
    assert report.credentials.state == "valid"
    assert report.credentials.actions == (
        "c2pa.opened",
        "c2pa.edited (compositeWithTrainedAlgorithmicMedia)",
    )
    assert "self-signed" in report.credentials.signer
    # The words in the file were written before it was signed, and are found all the same.
    assert report.metadata == "compositeWithTrainedAlgorithmicMedia"
    assert b"thumbnail" not in path.read_bytes()
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    anchors = signer.key.chain.decode()
    assert credentials.read(path, anchors).state == "trusted"


def test_a_changed_byte_breaks_it(tmp_path: Path, photo: Image, signer: Signer) -> None:
    path = tmp_path / "a.png"
    write_marked_photo(path, photo, Marks(Kind.MADE, signer=signer))
    assert credentials.read(path).actions == ("c2pa.created (trainedAlgorithmicMedia)",)
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(data)
    found = credentials.read(path)
    assert found.state == "invalid" and "mismatch" in found.reason


def test_without_credentials_none_are_found(tmp_path: Path, photo: Image) -> None:
    write_marked_photo(tmp_path / "a.jpg", photo, Marks())
    assert credentials.read(tmp_path / "a.jpg").state == "missing"


def test_a_given_key_must_be_one_and_fit(tmp_path: Path, signer: Signer) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(signer.key.chain)
    key.write_bytes(signer.key.key)
    assert given_key(chain, key) == signer.key
    with pytest.raises(UserError, match="belong together"):
        find_signer(chain, None)
    with pytest.raises(UserError, match="no such file"):
        given_key(chain, tmp_path / "none.pem")
    with pytest.raises(UserError, match="can't be used"):
        given_key(chain, chain)
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, x25519

    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    for strange, said in (
        (ec.generate_private_key(ec.SECP256R1()), "not that of"),
        (x25519.X25519PrivateKey.generate(), "not that of"),
    ):
        key.write_bytes(strange.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        with pytest.raises(UserError, match=said):
            given_key(chain, key)


def test_a_format_that_cannot_be_signed_is_left_alone(tmp_path: Path, photo: Image, signer: Signer) -> None:
    write_marked_photo(tmp_path / "a.bmp", photo, Marks(signer=signer))
    assert verify(tmp_path / "a.bmp").credentials.state == "unknown"

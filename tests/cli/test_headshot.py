"""`faceswap headshot` as a user calls it, on a real picture."""

import cv2
import numpy as np
import pytest

from faceswap_cli.evaluation.metrics import landmark_distance
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder, identity_distance
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.photo import read_photo
from faceswap_cli.provenance.verify import verify
from tests.cli.conftest import PICTURE


@pytest.fixture(scope="module")
def selfie(tmp_path_factory):
    """The picture, tilted, with more room around it."""
    image = cv2.imread(str(PICTURE))
    height, width = image.shape[:2]
    wide = cv2.copyMakeBorder(image, height // 3, 0, width // 3, width // 3, cv2.BORDER_REPLICATE)
    turn = cv2.getRotationMatrix2D((wide.shape[1] / 2, wide.shape[0] / 2), 9, 1)
    path = tmp_path_factory.mktemp("selfie") / "selfie.png"
    cv2.imwrite(str(path), cv2.warpAffine(wide, turn, wide.shape[1::-1], borderMode=cv2.BORDER_REPLICATE))
    return path


def find(path):
    image = read_photo(path).image
    [faces] = build_analyser(device="cpu", thorough=True).find([Frame(0, 0.0, image)])
    return image, faces[0].landmarks


@pytest.mark.parametrize("dress", ["keep", "suit", "jacket"])
def test_the_face_stays_and_what_is_behind_it_goes(faceswap, selfie, tmp_path, dress):
    out = tmp_path / "me.png"
    done = faceswap("headshot", selfie, "--dress", dress, "--background", "#d0d4d8", "-o", out)
    assert done.code == 0, done.err
    image, points = find(out)
    assert image.shape[1] / image.shape[0] == pytest.approx(0.8, abs=0.01)
    left, right = points[36:42].mean(0), points[42:48].mean(0)
    assert abs(left[1] - right[1]) < 0.06 * np.linalg.norm(right - left)
    before, old = find(selfie)
    encoder = IdentityEncoder("cpu")
    assert identity_distance(encoder.embed(image, [points]), encoder.embed(before, [old]))[0] < 0.25
    turned = cv2.estimateAffinePartial2D(old.astype(np.float32), points.astype(np.float32))[0]
    assert landmark_distance(old @ turned[:, :2].T + turned[:, 2], points) < 2.5
    corner = image[:12, :12].reshape(-1, 3).astype(float)
    assert corner.std(0).max() < 3
    assert "person was cut out" in verify(out).watermark.kind or min(image.shape[:2]) < 512


def test_several_looks_become_a_sheet_and_a_label_stands_on_no_face(faceswap, selfie, tmp_path):
    out = tmp_path / "sheet.png"
    looks = ("--background", "white", "--background", "grey", "--dress", "keep", "--dress", "jacket")
    done = faceswap("headshot", selfie, *looks, "--height", 240, "-o", out)
    assert done.code == 0, done.err
    assert "a sheet of 4" in done.out
    image = read_photo(out).image
    assert image.shape[0] > 480
    assert image.shape[1] > 380


def test_of_many_photos_one_without_a_face_is_named(faceswap, selfie, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    cv2.imwrite(str(album / "nobody.png"), np.full((200, 200, 3), 90, np.uint8))
    (album / "me.png").write_bytes(selfie.read_bytes())
    done = faceswap("headshot", album, "--height", 200, "-o", tmp_path / "out")
    assert done.is_one_line_error("1 of 2 photos", "nobody.png")
    assert (tmp_path / "out" / "me.png").exists()
    assert not (tmp_path / "out" / "nobody.png").exists()


def test_wrong_wishes_are_told_before_any_work(faceswap, selfie, tmp_path):
    out = tmp_path / "me.png"
    done = faceswap("headshot", selfie, "--background", "#12345", "-o", out)
    assert done.is_one_line_error("--background #12345")
    done = faceswap("headshot", selfie, "--tie", "paisley", "-o", out)
    assert done.is_one_line_error("--tie paisley")
    done = faceswap("headshot", selfie, "--face-index", 4, "-o", out)
    assert done.is_one_line_error("--face-index 4", "1 face")
    assert not out.exists()


def test_where_and_by_what_a_photo_was_taken_is_left_out(faceswap, selfie, tmp_path):
    from PIL import Image

    tagged = tmp_path / "tagged.jpg"
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    with Image.open(selfie) as original:
        original.convert("RGB").save(tagged, exif=exif)
    out = tmp_path / "me.jpg"
    done = faceswap("headshot", tagged, "--height", 200, "-o", out)
    assert done.code == 0, done.err
    with Image.open(out) as written:
        assert 0x010F not in written.getexif()

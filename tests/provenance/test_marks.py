"""Every format that can say so says that a network changed the picture, and nothing else of it is lost."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from faceswap_cli.media.frame import Image
from faceswap_cli.media.orientation import Orientation
from faceswap_cli.media.photo import Photo, read_photo, write_photo
from faceswap_cli.media.photo_metadata import Metadata
from faceswap_cli.media.planes import planes
from faceswap_cli.provenance import xmp
from faceswap_cli.provenance.marks import NO_MARKS, Kind, Marks, write_marked_photo
from faceswap_cli.provenance.pixels import PixelMarks
from faceswap_cli.provenance.sidecar import sidecar_path, write_sidecar
from faceswap_cli.provenance.verify import verify

ICC = struct.pack(">I", 200) + b"test" + bytes(8) + b"RGB " + bytes(180)
EXIF = b"II*\0" + struct.pack("<IHHHI4sI", 8, 1, 0x010F, 2, 4, b"abc\0", 0)


@pytest.fixture(scope="module")
def photo() -> Image:
    path = Path(__file__).parents[1] / "data" / "face.jpg"
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
def test_a_marked_photo_says_so(tmp_path: Path, photo: Image, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_marked_photo(path, photo, Marks(Kind.AGE, "abc123"))
    report = verify(path)
    assert report.marked
    assert report.watermark.state == "valid" and report.watermark.model == "abc"
    assert report.watermark.kind == Kind.AGE.words
    said = "" if suffix == ".bmp" else "compositeWithTrainedAlgorithmicMedia"
    assert report.metadata == said
    # It is still a photo for others, with the same pixels as before the words were put in.
    assert cv2.imread(str(path)).shape == photo.shape
    assert np.abs(read_photo(path).image.astype(int) - photo).mean() < 6


@pytest.mark.parametrize("rate", [26, 1])
def test_frames_all_over_a_video_are_looked_at_also_where_one_keyframe_is_all_it_has(
    tmp_path: Path, photo: Image, rate: int
) -> None:
    path, of_piece = tmp_path / "a.mp4", PixelMarks(Marks(Kind.AGE, "abc123").message).of_piece()
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate, options={"g": "1000", "crf": "16", "x264-params": "scenecut=0"}
        )
        stream.height, stream.width, stream.pix_fmt = *photo.shape[:2], "yuv420p"
        for number in range(26):
            frame = av.VideoFrame.from_ndarray(photo, "rgb24").reformat(format="yuv420p")
            if number:
                of_piece(frame, Orientation())
            else:
                planes(frame)[0][...] = 90
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    report = verify(path)
    assert report.watermark.state == "valid" and report.watermark.model == "abc"
    assert report.watermark.looked_at.startswith("12 frames")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_other_metadata_is_kept_beside_it(tmp_path: Path, photo: Image, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    alpha = None if suffix == ".jpg" else np.full(photo.shape[:2], 99, np.uint8)
    write_marked_photo(path, photo, Marks(), Photo(photo, alpha, metadata=Metadata(exif=EXIF, icc=ICC)))
    again = read_photo(path)
    assert (again.metadata.exif, again.metadata.icc) == (EXIF, ICC)
    assert alpha is None or (again.alpha == 99).all()
    assert xmp.source_type(path) == xmp.COMPOSITE


def test_a_tiff_of_another_byte_order_gets_its_entry(tmp_path: Path) -> None:
    from faceswap_cli.media.tiff import tiff_value, with_entry

    head = b"MM\0*" + struct.pack(">IHHHIHxxI", 8, 1, 256, 3, 1, 60, 0)
    once = with_entry(head, 700, b"something")
    assert tiff_value(once, 700) == b"something"
    assert tiff_value(with_entry(once, 700, b"another"), 700) == b"another"
    assert tiff_value(head, 700) is None


def test_no_marks_leave_the_file_as_it_was(tmp_path: Path, photo: Image) -> None:
    write_photo(tmp_path / "plain.png", photo)
    write_marked_photo(tmp_path / "a.png", photo, NO_MARKS)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
    report = verify(tmp_path / "a.png")
    assert not report.marked and report.watermark.state == "missing"


def test_what_pictures_depend_on_is_in_the_settings() -> None:
    plain = Marks()
    different = [
        NO_MARKS,
        Marks(label=True),
        Marks(model="abc"),
        Marks(Kind.AGE),
        Marks(hidden=False, label=True),
    ]
    assert len({json.dumps(one.settings()) for one in [plain, *different]}) == 1 + len(different)


def test_a_made_face_is_not_called_a_changed_one(tmp_path: Path, photo: Image) -> None:
    write_marked_photo(tmp_path / "a.png", photo, Marks(Kind.MADE))
    assert xmp.source_type(tmp_path / "a.png") == xmp.GENERATED


def test_the_sidecar_names_no_paths(tmp_path: Path) -> None:
    output = tmp_path / "secret-name.mp4"
    path = write_sidecar(output, "age video", Marks(Kind.AGE, "abc123"), [70])
    said = json.loads(path.read_text())
    assert path == sidecar_path(output) == tmp_path / "secret-name.mp4.json"
    assert (said["command"], said["model"], said["ages"]) == ("age video", "abc123", [70])
    assert "secret" not in path.read_text() and str(tmp_path) not in path.read_text()
    assert json.loads(write_sidecar(output, "age video", NO_MARKS).read_text())["marks"] == "NOT MARKED"
    assert sidecar_path(tmp_path / "frames" / "%05d.png") == tmp_path / "frames.json"
    assert sidecar_path(tmp_path / "frames") == tmp_path / "frames.json"

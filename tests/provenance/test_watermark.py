"""The watermark is faint, is found after what is usually done to pictures, and nowhere else."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from faceswap_cli.media.frame import Image
from faceswap_cli.media.orientation import Orientation, from_exif
from faceswap_cli.media.planes import planes
from faceswap_cli.provenance import message_code, watermark
from faceswap_cli.provenance.label import free_corner, label
from faceswap_cli.provenance.label_corner import Corner
from faceswap_cli.provenance.pixels import PixelMarks
from faceswap_cli.provenance.watermark_search import SURE, SURE_IN_PLACE, find
from faceswap_cli.provenance.watermark_waves import FORMER, TILE, waves

MESSAGE = 0x1A5C
MARKS = PixelMarks(MESSAGE)


@pytest.fixture(scope="module")
def photo() -> Image:
    path = Path(__file__).parents[1] / "data" / "face.jpg"
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


@pytest.fixture(scope="module")
def marked(photo: Image) -> Image:
    return MARKS.on_photo(photo)


def jpeg(image: Image) -> Image:
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 50])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def half(image: Image) -> Image:
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


CHANGES: dict[str, Callable[[Image], Image]] = {
    "nothing": lambda image: image,
    "JPEG 50": jpeg,
    "half size": half,
    "twice the size": lambda image: cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC),
    "cropped": lambda image: image[11:-7, 9:-23],
    "turned": np.rot90,
    "upside down": lambda image: np.rot90(image, 2),
    "mirrored": lambda image: image[:, ::-1],
    "turned and mirrored": lambda image: np.rot90(image)[:, ::-1],
    "darker": lambda image: (image * 0.7).astype(np.uint8),
    "grey": lambda image: np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_is_found_after(marked: Image, name: str) -> None:
    found = find([np.ascontiguousarray(CHANGES[name](marked))])
    assert found is not None and found.message == MESSAGE


def test_it_is_faint(photo: Image, marked: Image) -> None:
    difference = marked.astype(int) - photo
    assert np.std(difference) < 1.2 and np.abs(difference).max() < 8
    grey, after = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (photo, marked))
    _, likeness = structural_similarity(grey, after, gaussian_weights=True, sigma=1.5, full=True)
    assert np.percentile(likeness, 1) > 0.985


def test_on_smooth_ground_it_is_a_level_here_and_there_also_beside_edges_and_texture() -> None:
    noise = np.random.default_rng(2).normal(0, 1, (480, 640))
    ground = np.tile(np.linspace(100, 160, 640), (480, 1)) + 0.7 * noise
    ground[:, :200] += 25 * cv2.GaussianBlur(noise, (0, 0), 1)[:, :200]
    ground[200:280, 400:460] = 20
    image = np.repeat(np.rint(ground)[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)
    difference = MARKS.on_photo(image)[..., 1].astype(int) - image[..., 1]
    assert np.std(difference[:, :180]) > 0.8
    for smooth in (difference[:, 215:390], difference[190:290, 465:480], difference[:, 500:]):
        assert 0.2 < np.std(smooth) < 0.6 and np.abs(smooth).max() <= 2
    dark = MARKS.on_photo(np.full((300, 400, 3), 4, np.uint8))
    assert np.std(dark.astype(int)) < 0.1


@pytest.mark.parametrize("size", [(1080, 1440), (1080, 1441), (1800, 1500), (720, 960)])
def test_texture_is_measured_in_means_of_whole_blocks(size: tuple[int, int]) -> None:
    luma = np.random.default_rng(6).integers(0, 256, (*size, 1), np.uint8)
    small = watermark._small([luma])
    area = cv2.resize(luma, small.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.array_equal(small, area)


def test_its_waves_are_as_fine_in_large_pictures() -> None:
    def wave(height: int, width: int) -> float:
        spectrum = np.abs(np.fft.rfft2(watermark.pattern(height, width, MESSAGE)))
        down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
        return 1 / float(np.average(np.hypot(down, across), weights=spectrum**2))

    assert wave(480, 640) < 2 * wave(1080, 1920) < 4 * wave(480, 640)


def test_it_is_not_found_where_it_is_not(photo: Image) -> None:
    assert find([photo]) is None
    rng = np.random.default_rng(1)
    for scale in (1, 3, 9):
        noise = rng.integers(0, 255, (300 // scale + 1, 400 // scale + 1, 3), np.uint8)
        assert find([cv2.resize(noise, (400, 300))]) is None
    assert find([np.zeros((64, 64, 3), np.uint8)]) is None


def test_a_small_picture_stays_as_it_is(photo: Image) -> None:
    small = cv2.resize(photo, (96, 80), interpolation=cv2.INTER_AREA)
    assert np.array_equal(MARKS.on_photo(small), small)


def test_a_second_mark_may_hide_the_firsts_message_but_not_that_there_is_one(marked: Image) -> None:
    found = find([PixelMarks(0x2A3).on_photo(marked)])
    assert found is not None and found.message in (None, MESSAGE, 0x2A3)


def test_the_message_is_read_from_signs_of_which_a_third_are_wrong() -> None:
    random = np.random.default_rng(3)
    carried = random.integers(1, message_code.MESSAGES, 1000)
    values = message_code.signs_of(MESSAGE, carried) * np.where(random.random(1000) < 0.33, -1.0, 1.0)
    assert message_code.likeliest(values, carried) == (
        MESSAGE,
        pytest.approx(values @ message_code.signs_of(MESSAGE, carried)),
    )


def test_of_the_former_code_a_few_wrong_bits_are_mended_and_many_are_noticed() -> None:
    sums = message_code.encode_checked(MESSAGE).astype(float) * 5
    sums[[3, 20]] *= -0.01
    assert message_code.decode_checked(sums) == MESSAGE
    sums[[5, 9, 30]] *= -1
    assert message_code.decode_checked(sums) is None


def test_a_mark_of_the_former_layout_is_still_read(photo: Image) -> None:
    w = waves(FORMER)
    signs = np.where(w.bits < 0, 1, message_code.encode_checked(MESSAGE)[w.bits])
    spectrum = np.zeros((TILE, TILE), complex)
    spectrum[w.rows, w.columns] = w.phases * signs
    one = np.fft.ifft2(spectrum).real
    height, width = photo.shape[:2]
    cells = 512 / np.sqrt(height * width)
    down, across = (np.arange(int(side * cells) + 3) % TILE for side in (height, width))
    tiled = (one / one.std())[down][:, across]
    whole = cv2.resize(tiled, None, fx=1 / cells, fy=1 / cells, interpolation=cv2.INTER_CUBIC)
    image = np.rint(photo + 3 * whole[:height, :width, None]).clip(0, 255).astype(np.uint8)
    found = find([image])
    assert found is not None and found.message == MESSAGE and found.layout is FORMER


@pytest.mark.parametrize(
    "form", ["yuv420p", "yuv422p10le", "nv12", "p010le", "rgb24", "bgra", "gbrp10le", "rgb48be", "gray16le"]
)
def test_it_is_put_into_luma_of_every_kind_and_depth(photo: Image, form: str) -> None:
    before = av.VideoFrame.from_ndarray(photo, "rgb24").reformat(format=form)
    after = av.VideoFrame.from_ndarray(photo, "rgb24").reformat(format=form)
    MARKS.on_picture(after, Orientation())
    old, new = planes(before), planes(after)
    assert not np.array_equal(old[0], new[0])
    if form.startswith(("yuv", "nv12", "p010")):
        assert all(np.array_equal(a, b) for a, b in zip(old[1:], new[1:], strict=True))
    looked = after.reformat(format="rgb24").to_ndarray()
    assert np.abs(looked.astype(int) - before.reformat(format="rgb24").to_ndarray()).mean() < 3
    found = find([looked])
    assert found is not None and found.message == MESSAGE


def through_h264(pictures: list[Image], crf: int) -> list[Image]:
    """Marked or not, as an encoder leaves them."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", 25, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def framed(photo: Image, moving: int) -> list[Image]:
    """A second of video, moving as a whole as from a turning camera, its frames marked as frames are."""
    pictures, of_piece = [], MARKS.of_piece()
    for number in range(25):
        moved = np.ascontiguousarray(np.roll(photo, moving * number, axis=1))
        frame = av.VideoFrame.from_ndarray(moved, "rgb24").reformat(format="yuv420p")
        of_piece(frame, Orientation())
        pictures.append(frame.to_ndarray(format="rgb24"))
    return pictures


@pytest.mark.parametrize(("moving", "again"), [(0, 23), (2, 16)])
def test_a_second_of_video_is_enough(photo: Image, moving: int, again: int) -> None:
    written = through_h264(framed(photo, moving), 16)
    for pictures in (written, through_h264(written, again)):
        found = find(pictures[::3])
        assert found is not None and found.message == MESSAGE


def test_of_a_whole_picture_a_weaker_mark_is_read_than_of_a_part(photo: Image, marked: Image) -> None:
    noise = np.random.default_rng(3).normal(0, 10, photo.shape[:2])
    faint = np.rint(marked + noise[..., None]).clip(0, 255).astype(np.uint8)
    whole = find([faint])
    assert whole is not None and whole.message == MESSAGE and whole.scale == 1
    assert SURE_IN_PLACE <= whole.peak < SURE
    turned = find([np.ascontiguousarray(np.rot90(faint)[:, ::-1])])
    assert turned is not None and turned.message == MESSAGE and turned.mirrored
    assert find([np.ascontiguousarray(faint[11:-7, 9:-23])]) is None


def test_frames_encoded_by_themselves_count_more(photo: Image, marked: Image) -> None:
    pictures = [photo, marked, photo, photo, photo]
    said, other = (find(pictures, [number == firm for number in range(5)]) for firm in (1, 4))
    assert said is not None and said.message == MESSAGE
    assert other is None or other.peak < said.peak - 1


def test_it_fades_where_a_picture_moves_and_every_piece_begins_alike() -> None:
    def changed() -> list[np.ndarray]:
        noise = np.random.default_rng(4).normal(0, 1, (360, 640)).astype(np.float32)
        ground, stillness = 128 + 100 * cv2.GaussianBlur(noise, (0, 0), 4), watermark.Stillness()
        differences = []
        for number in range(30):
            moved = ground.copy()
            moved[:, 320:] = np.roll(ground[:, 320:], 12 * number, axis=1)
            luma = np.rint(moved).astype(np.uint8)[..., None]
            differences.append(watermark.change([luma], 8, MESSAGE, stillness=stillness))
        return differences

    frames = changed()
    first, last = ([np.std(frames[n][:, part]) for part in (slice(300), slice(340, None))] for n in (0, -1))
    assert first[0] == pytest.approx(first[1], rel=0.1)
    assert first[0] * 0.8 < last[0] <= first[0] and last[1] < first[1] * 0.2
    steps = [np.std(after - before) for before, after in itertools.pairwise(frames)]
    assert max(steps) < 0.2 * first[0]
    assert all(np.array_equal(one, other) for one, other in zip(frames, changed(), strict=True))


@pytest.mark.parametrize("turn", [1, 6, 8, 3])
def test_the_label_stands_upright_in_the_lower_right_corner(photo: Image, turn: int) -> None:
    orientation = from_exif(turn)
    stored = np.ascontiguousarray(orientation.undo(photo))
    picture = av.VideoFrame.from_ndarray(stored, "rgb24").reformat(format="yuv420p")
    before = orientation.apply(picture.reformat(format="rgb24").to_ndarray()).astype(int)
    PixelMarks(None, Corner.LOWER_RIGHT).on_picture(picture, orientation)
    after = orientation.apply(picture.reformat(format="rgb24").to_ndarray())
    rows, columns = np.nonzero(np.abs(after - before).max(axis=2) > 2)
    assert rows.min() > 325 and rows.max() < 356
    assert columns.min() > 540 and columns.max() < 638
    assert after[rows.min() :, columns.min() :].max() > 200  # its letters
    straight = PixelMarks(None, Corner.LOWER_RIGHT).on_photo(photo)
    assert np.abs(straight[320:, 500:].astype(int) - after[320:, 500:]).mean() < 6


@pytest.mark.parametrize("level", [0, 60, 128, 190, 255])
@pytest.mark.parametrize("corner", Corner)
def test_the_label_can_be_read_on_any_ground_in_any_corner(corner: Corner, level: int) -> None:
    image = np.full((360, 640, 3), level, np.uint8)
    drawn = PixelMarks(None, corner).on_photo(image)
    rows, columns = np.nonzero((drawn != image).any(axis=2))
    assert (rows.mean() > 180) == corner.startswith("lower")
    assert (columns.mean() > 320) == corner.endswith("right")
    part = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    letters, plate = ((np.percentile(part, share) / 255) ** 2.2 for share in (99, 40))
    assert (letters + 0.05) / (plate + 0.05) > 4.5


def test_its_size_follows_the_shorter_side() -> None:
    high = [
        label(*size, Corner.LOWER_RIGHT)[0].shape[0] for size in ((1080, 1920), (1920, 1080), (2160, 3840))
    ]
    assert high[0] == high[1] and high[2] in range(2 * high[0] - 1, 2 * high[0] + 2)


def test_the_label_stands_over_no_face() -> None:
    def face(x: float, y: float, size: float = 60) -> np.ndarray:
        around = np.linspace(0, 2 * np.pi, 68)
        return np.stack([x + size * np.cos(around), y + size * np.sin(around)], axis=1)

    nowhere = np.zeros((0, 68, 2))
    assert free_corner(Corner.LOWER_LEFT, nowhere, 360, 640) == Corner.LOWER_LEFT
    assert free_corner(Corner.LOWER_RIGHT, [face(320, 180)], 360, 640) == Corner.LOWER_RIGHT
    assert free_corner(Corner.LOWER_RIGHT, [face(580, 310)], 360, 640) == Corner.LOWER_LEFT
    everywhere = [face(580, 310), face(60, 310), face(60, 310), face(580, 60), face(580, 60), face(60, 40)]
    assert free_corner(Corner.UPPER_RIGHT, everywhere[:-1], 360, 640) == Corner.UPPER_LEFT
    assert free_corner(Corner.UPPER_RIGHT, everywhere, 360, 640) == Corner.LOWER_RIGHT

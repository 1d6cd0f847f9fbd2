"""What the watermark survives, how often it is found where there is none, how faint it is and what it costs.

Faint is told by three figures: the 1st percentile of local SSIM between marked and unmarked, the standard
deviation of the difference in softly shaded parts, in grey levels, and the growth of the file at crf 16.

Pictures are marked in memory, changed in one way each, and looked at; clips are marked frame by frame and
encoded. Figures are printed as they come, as JSON, so that a run that is stopped was not for nothing.

    python -m scripts.bench.watermark --pictures FOLDER SET.tar ... --clips CLIP ... --unmarked SET.tar ...
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from skimage.metrics import structural_similarity

from faceswap_cli.media.encoders import ENCODERS
from faceswap_cli.media.frame import Image
from faceswap_cli.media.orientation import Orientation
from faceswap_cli.media.planes import planes
from faceswap_cli.provenance import watermark
from faceswap_cli.provenance.pixels import PixelMarks
from faceswap_cli.provenance.watermark_search import find

MESSAGE = 0x1A5C
MARKS = PixelMarks(MESSAGE, None)
WINDOW = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "full": True}
SOFT = 2.0  # grey levels
SUFFIXES = (".jpg", ".jpeg", ".png")
LOOKED_AT = 12  # frames of a clip, as `faceswap verify` takes them
OFTEN = 20  # pictures after which figures are printed
SIZES = {360: "360 pixels and more", 256: "256 to 359 pixels", 0: "less than 256 pixels"}


def jpeg(quality: int, scale: float = 1.0) -> Callable[[Image], Image]:
    def change(image: Image) -> Image:
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1])

    return change


def cropped(share: float) -> Callable[[Image], Image]:
    def change(image: Image) -> Image:
        height, width = image.shape[:2]
        top, left = int(share * 0.6 * height), int(share * 0.3 * width)
        part = image[top : top + round((1 - share) * height), left : left + round((1 - share) * width)]
        return np.ascontiguousarray(part)

    return change


def turned(degrees: float) -> Callable[[Image], Image]:
    def change(image: Image) -> Image:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC)

    return change


def noisy(image: Image) -> Image:
    noise = np.random.default_rng(0).normal(0, 10, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


CHANGES: dict[str, Callable[[Image], Image]] = {
    "as it is": lambda image: image,
    "JPEG 50": jpeg(50),
    "half size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "5 % cropped": cropped(0.05),
    "turned 90": lambda image: np.ascontiguousarray(np.rot90(image)),
    "half size, JPEG 50": jpeg(50, 0.5),
    "10 % cropped": cropped(0.10),
    "20 % cropped": cropped(0.20),
    "turned 1": turned(1),
    "turned 5": turned(5),
    "noise of 10 levels": noisy,
    "blurred by 2 pixels": lambda image: cv2.GaussianBlur(image, (0, 0), 2),
}


def images(sources: Iterable[Path], most: int) -> Iterator[tuple[str, Image]]:
    """Pictures of folders and tar files, `most` of each, spread over it."""
    for source in sources:
        if source.suffix == ".tar":
            with tarfile.open(source) as tar:
                members = [one for one in tar if one.name.lower().endswith(SUFFIXES)]
                for member in members[:: max(1, len(members) // most)][:most]:
                    file = tar.extractfile(member)
                    assert file is not None
                    yield from _decoded(member.name, file.read())
        else:
            files = sorted(one for one in source.iterdir() if one.suffix.lower() in SUFFIXES)
            for path in files[:: max(1, len(files) // most)][:most]:
                yield from _decoded(path.name, path.read_bytes())


def _decoded(name: str, data: bytes) -> Iterator[tuple[str, Image]]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is not None:
        yield name, np.ascontiguousarray(image[..., ::-1])


def right(pictures: Iterable[Image]) -> bool:
    found = find(pictures)
    return found is not None and found.message == MESSAGE


def likeness(before: Image, after: Image) -> float:
    """The 1st percentile of local SSIM between two grey pictures."""
    return float(np.percentile(structural_similarity(before, after, **WINDOW)[1], 1))


def softly(before: Image, after: Image) -> float:
    """Standard deviation of the change in softly shaded parts: those without much that is fine in them."""
    level = before.astype(np.float32)
    fine = level - cv2.GaussianBlur(level, (0, 0), 2)
    soft = cv2.GaussianBlur(fine * fine, (0, 0), 4) < SOFT**2
    return float((after.astype(np.float32) - level)[soft].std()) if soft.any() else 0.0


def told(figures: list[float], digits: int) -> str:
    """Median and extremes."""
    return " / ".join(f"{one:.{digits}f}" for one in np.quantile(figures, (0, 0.5, 1))) if figures else "-"


class Survived:
    """How many of the marked pictures' marks are found with the right message, by size and change."""

    def __init__(self, changes: Sequence[str]) -> None:
        self.changes = changes
        self.found: dict[str, dict[str, list[int]]] = {}
        self.likeness: list[float] = []
        self.soft: list[float] = []
        self.lost: list[str] = []
        self.too_small = 0

    def look(self, name: str, image: Image) -> None:
        """Mark a picture, change it in every way, and look for the mark."""
        marked = MARKS.on_photo(image)
        if np.array_equal(marked, image):
            self.too_small += 1
            return
        grey, after = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (image, marked))
        self.likeness.append(likeness(grey, after))
        self.soft.append(softly(grey, after))
        side = min(image.shape[:2])
        row = self.found.setdefault(next(size for least, size in SIZES.items() if side >= least), {})
        for change in self.changes:
            counts = row.setdefault(change, [0, 0])
            ok = right([CHANGES[change](marked)])
            counts[0], counts[1] = counts[0] + ok, counts[1] + 1
            if not ok:
                self.lost.append(f"{name} {image.shape[1]} x {image.shape[0]}, {change}")

    def figures(self) -> dict[str, object]:
        """For JSON: found of tried."""
        shares = {
            size: {change: f"{found} of {tried}" for change, (found, tried) in of.items()}
            for size, of in self.found.items()
        }
        faint = {"SSIM, 1st percentile": told(self.likeness, 3), "soft": told(self.soft, 2)}
        return {"found": shares, **faint, "too small": self.too_small, "lost": self.lost}


def survived(sources: Iterable[Path], most: int, changes: Sequence[str]) -> None:
    """Print what becomes of marked pictures, again and again while they are looked at."""
    seen = Survived(changes)
    for number, (name, image) in enumerate(images(sources, most), 1):
        seen.look(name, image)
        if number % OFTEN == 0:
            print(json.dumps({"pictures": number, **seen.figures()}), flush=True)
    print(json.dumps(seen.figures(), indent=1), flush=True)


def false_finds(source: Path, most: int) -> None:
    """Print how often a mark is found where there is none, again and again."""
    looked, wrong = 0, list[str]()
    for looked, (name, image) in enumerate(images([source], most), 1):
        if (found := find([image])) is not None:
            wrong.append(f"{name}: {found.peak:.1f}, {found.message}")
        if looked % OFTEN == 0:
            print(json.dumps({"source": source.name, "unmarked": looked, "found": wrong}), flush=True)
    print(json.dumps({"source": source.name, "unmarked": looked, "found": wrong, "all": True}), flush=True)


def frames_of(clip: Path, most: int) -> list[VideoFrame]:
    with av.open(str(clip)) as container:
        return [frame.reformat(format="yuv420p") for frame in islice(container.decode(video=0), most)]


def rate_of(clip: Path) -> float:
    with av.open(str(clip)) as container:
        return float(container.streams.video[0].average_rate or 25)


def encoded(frames: list[VideoFrame], crf: int, preset: str) -> tuple[list[VideoFrame], int]:
    """Frames through H.264, and how many bytes they took."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        options = ENCODERS["x264"].options | {"crf": str(crf), "preset": preset}
        stream = container.add_stream("libx264", 25, options=options)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, 25), 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    size = buffer.seek(0, io.SEEK_END)
    buffer.seek(0)
    with av.open(buffer) as container:
        return list(container.decode(video=0)), size


def spread(frames: list[VideoFrame]) -> list[Image]:
    numbers = np.linspace(0, len(frames) - 1, min(LOOKED_AT, len(frames))).round().astype(int)
    return [frames[number].to_ndarray(format="rgb24") for number in numbers]


def clips(paths: Iterable[Path], most: int) -> list[dict[str, object]]:
    """Marked as convert does, encoded as convert does (crf 16), and then again as somebody else might."""
    rows: list[dict[str, object]] = []
    for path in paths:
        plain, marked = frames_of(path, most), frames_of(path, most)
        alike, soft, of_piece = [], [], MARKS.of_piece()
        for number, (frame, before) in enumerate(zip(marked, plain, strict=True)):
            of_piece(frame, Orientation())
            if number % OFTEN == 0:
                old, new = (planes(one)[0][..., 0] for one in (before, frame))
                alike.append(likeness(old, new))
                soft.append(softly(old, new))
        once, size = encoded(marked, 16, "faster")
        false = find(spread(plain)) is not None
        row: dict[str, object] = {"clip": path.name, "size": f"{plain[0].width} x {plain[0].height}"}
        row |= {"SSIM": round(min(alike), 3), "soft": round(max(soft), 2), "false": false}
        row |= {"bytes, crf 16": round(size / encoded(plain, 16, "faster")[1], 3)}
        row |= {"bytes, crf 23": round(encoded(marked, 23, "faster")[1] / encoded(plain, 23, "faster")[1], 2)}
        row |= {"crf 16": right(spread(once)), "one second": right(spread(once[: round(rate_of(path))]))}
        middle = once[len(once) // 2 :]
        row |= {"second in the middle": right(spread(middle[: round(rate_of(path))]))}
        row |= {"one frame": right(spread(middle[:1]))}
        for crf in (23, 30):
            row |= {f"then crf {crf}": right(spread(encoded(once, crf, "medium")[0]))}
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def cost(times: int = 30) -> dict[str, float]:
    """Processor milliseconds for one 1080p frame, the usual 8-bit luma and 10-bit luma."""
    ground = np.random.default_rng(0).integers(0, 255, (1080, 1920, 1), np.uint8)
    ground = cv2.GaussianBlur(ground, (0, 0), 3)[..., None]
    figures = {}
    for name, plane, depth in (("8 bits", ground, 8), ("10 bits", ground.astype(np.uint16) * 4, 10)):
        watermark.mark([plane.copy()], depth, MESSAGE)
        started = time.process_time()
        for _ in range(times):
            watermark.mark([plane], depth, MESSAGE)
        figures[f"ms a 1080p frame, {name}"] = round((time.process_time() - started) / times * 1000, 1)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, nargs="*", default=[], help="folders and tar files")
    parser.add_argument("--unmarked", type=Path, nargs="*", default=[], help="the same, left as they are")
    parser.add_argument("--clips", type=Path, nargs="*", default=[])
    parser.add_argument("--changes", nargs="*", choices=CHANGES, default=list(CHANGES), help="of pictures")
    parser.add_argument("--most", type=int, default=100, help="pictures of each folder or tar file")
    parser.add_argument("--frames", type=int, default=75, help="of each clip")
    options = parser.parse_args()
    print(json.dumps(cost()), flush=True)
    if options.clips:
        clips(options.clips, options.frames)
    if options.pictures:
        survived(options.pictures, options.most, options.changes)
    for source in options.unmarked:
        false_finds(source, options.most)


if __name__ == "__main__":
    main()

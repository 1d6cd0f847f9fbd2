"""Read back what a file is marked with: each layer by itself, for each can be lost or forged by itself."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.open import check_readable
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.photo_header import photo_header
from faceswap_cli.media.probe import MediaInfo, probe
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.media.sample_frames import keyframe_near, sample_frames
from faceswap_cli.media.webp import read_webp
from faceswap_cli.provenance import credentials, watermark, watermark_search, xmp
from faceswap_cli.provenance.credentials import Credentials
from faceswap_cli.provenance.marks import MODEL_BITS, Kind
from faceswap_cli.provenance.watermark_waves import FORMER

PLACES = 12
"""Places of a video from which a frame is taken."""

SHORT, STEP = 20.0, 0.25
"""Seconds: a video that is no longer is decoded from end to end, instead of from the keyframe before each
place; and from one place to the next where nobody knows how long it is."""

MARKING = ("compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia", "compositeSynthetic")
"""IPTC's source types that say that a network had its hand in it."""


@dataclass(frozen=True)
class Watermark:
    """What was found in the pixels.

    Attributes:
        state: missing, valid (its checksum agrees), or unreadable (it is there, its message is not).
        kind: what was done, in words.
        model: three hexadecimal digits of a checksum of what did it; "000" if it was not known.
        certainty: the mark's height over chance, in standard deviations, where there is one.
        looked_at: in words, what was looked at.
        former: it was written by a version before; that one can be seen, too.
    """

    state: str
    kind: str = ""
    model: str = ""
    certainty: float = 0.0
    looked_at: str = ""
    former: bool = False


@dataclass(frozen=True)
class Report:
    """What one file is marked with.

    Attributes:
        file: as the user named it.
        metadata: IPTC's digital source type, without its address; "" if none is said.
        watermark: in the pixels.
        credentials: Content Credentials.
    """

    file: str
    metadata: str
    watermark: Watermark
    credentials: Credentials

    @property
    def marked(self) -> bool:
        """Whether any layer says that a network changed or made this."""
        return (
            self.metadata in MARKING
            or self.watermark.state != "missing"
            or any(f"({kind})" in action for action in self._vouched for kind in MARKING)
        )

    @property
    def _vouched(self) -> tuple[str, ...]:
        return self.credentials.actions if self.credentials.state in ("valid", "trusted") else ()

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"marked": self.marked, **asdict(self)}


def verify(path: Path, anchors: str = "") -> Report:
    """Look for every mark in a photo or a video.

    Args:
        path: the file.
        anchors: certificates in PEM of those who are trusted to vouch for signers.

    Raises:
        UserError: it can't be read.
    """
    check_readable(path)
    looked = list(_pictures(path))
    images = [image for image, _ in looked]
    found = watermark_search.find(images, [firm for _, firm in looked])
    said = (xmp.source_type(path) or "").rpartition("/")[2]
    return Report(str(path), said, _watermark(found, _told(images)), credentials.read(path, anchors))


def _told(images: list[Image]) -> str:
    height, width = images[0].shape[:2]
    many = "one picture" if len(images) == 1 else f"{len(images)} frames"
    small = ", too small to hold one" if height * width < watermark.SMALLEST**2 else ""
    return f"{many} of {width} x {height}{small}"


def _watermark(found: watermark_search.Found | None, looked_at: str) -> Watermark:
    if found is None:
        return Watermark("missing", looked_at=looked_at)
    certainty, former = round(found.peak, 1), found.layout is FORMER
    if found.message is None:
        return Watermark("unreadable", certainty=certainty, looked_at=looked_at, former=former)
    number = found.message >> MODEL_BITS
    kind = Kind(number).words if number in list(Kind) else f"unknown to this version ({number})"
    model = f"{found.message & ((1 << MODEL_BITS) - 1):0{MODEL_BITS // 4}x}"
    return Watermark("valid", kind, model, certainty, looked_at, former)


def _pictures(path: Path) -> Iterator[tuple[Image, bool]]:
    """A photo, or a few frames of a video: the first, and others spread over its length; and which of them
    were encoded by themselves."""
    info = probe(path)
    header = photo_header(path) if info.codec == "webp" else None
    if header is not None and header.pictures > 1:
        yield from ((image, True) for image in itertools.islice(read_webp(path), PLACES))
        return
    if info.kind == "photo":
        yield read_photo(path).image, True
        return
    seen = False
    for frame in _spread(info):
        seen = True
        yield frame.image, frame.picture is None or bool(frame.picture.stored.key_frame)
    if not seen:
        raise UserError(f"{path}: not one frame can be read", "Copy or download the video again")


def _spread(info: MediaInfo) -> Iterator[Frame]:
    """Frames at PLACES, as far as there are any; of a long video the keyframes before them, too."""
    length = info.duration
    if length is not None and length > SHORT:
        seen = set[int | None]()
        for seconds in (length * part / PLACES for part in range(PLACES)):
            for frame in (keyframe_near(info, seconds), *sample_frames(info, seconds, 0)):
                if frame is not None and frame.pts not in seen:
                    seen.add(frame.pts)
                    yield frame
        return
    step = length / PLACES if length else STEP
    start, places = 0.0, iter(range(PLACES))
    wanted = next(places)
    # What comes before the damage of a damaged file will do.
    with VideoReader(info.path, info) as reader, contextlib.suppress(UserError):
        for frame in reader:
            start = start if wanted else frame.time
            if frame.time - start >= wanted * step:
                yield frame
                if (wanted := next(places, PLACES)) == PLACES:
                    break

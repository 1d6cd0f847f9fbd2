"""What every output of a command that changes or makes a face is marked with. One `Marks` says it all.

Whoever writes a photo calls `write_marked_photo`. Whoever writes a video hands `pixels` to the writer of its
pieces (`SegmentWriter(marks=...)`) and `tags` and `seal` to the joiner (`join_segments`); convert's
pipeline does so with `PipelineOptions.marks`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from faceswap_cli.media.frame import Image
from faceswap_cli.media.photo import Photo, write_photo
from faceswap_cli.media.sequence import picture_suffix
from faceswap_cli.provenance import xmp
from faceswap_cli.provenance.label import free_corner
from faceswap_cli.provenance.label_corner import Corner
from faceswap_cli.provenance.pixels import PixelMarks
from faceswap_cli.version import __version__

if TYPE_CHECKING:
    from faceswap_cli.provenance.credentials import Signer

TOOL = f"faceswap {__version__}"

WATERMARK = 3
"""Goes up when the same message is put into pixels in another way: unfinished work is then begun anew."""

MODEL_BITS = 12
"""Of a model's checksum, in the watermark: enough to say which of a few models it was not."""


class Kind(IntEnum):
    """What was done; at most 15, for it has four bits of the watermark."""

    SWAP = 1
    AGE = 2
    MADE = 3
    ANIMATED = 4
    EDIT = 5
    STYLE = 6
    HEADSHOT = 7

    @property
    def words(self) -> str:
        """For people."""
        return {
            Kind.SWAP: "a face was replaced by a trained network",
            Kind.AGE: "a face was made older or younger by a trained network",
            Kind.HEADSHOT: "a person was cut out of a photo, retouched and put before another background",
            Kind.STYLE: "a picture was turned into another style by a trained network",
            Kind.MADE: "a face was made by a trained network",
            Kind.EDIT: "features of a face were changed by software",
            Kind.ANIMATED: "a photo was made to move by another face's motion",
        }[self]


@dataclass(frozen=True)
class Marks:
    """How an output says what was done to it.

    Attributes:
        kind: what was done.
        model: a checksum of what did it, in hexadecimal, three digits or more; "" if nobody knows.
        hidden: the invisible marks: watermark, words in the file, signature.
        label: the visible one.
        corner: where it stands; elsewhere if faces are there, see `clear_of`.
        signer: signs the finished file; None leaves it unsigned.
    """

    kind: Kind = Kind.SWAP
    model: str = ""
    hidden: bool = True
    label: bool = False
    corner: Corner = Corner.LOWER_RIGHT
    signer: Signer | None = None

    @property
    def message(self) -> int:
        """The watermark's: the kind, and the first bits of the model's checksum."""
        start = int(self.model[: MODEL_BITS // 4] or "0", 16)
        return int(self.kind) << MODEL_BITS | start

    @property
    def pixels(self) -> PixelMarks | None:
        """What is put into pixels; None for nothing, which leaves every sample as it is."""
        if not (self.hidden or self.label):
            return None
        return PixelMarks(self.message if self.hidden else None, self.corner if self.label else None)

    @property
    def source_is_none(self) -> bool:
        """Whether there was no picture before."""
        return self.kind is Kind.MADE

    @property
    def source_type(self) -> str:
        """IPTC's digital source type."""
        return xmp.GENERATED if self.source_is_none else xmp.COMPOSITE

    @property
    def tags(self) -> dict[str, str]:
        """For containers that hold no XMP (Matroska)."""
        return {xmp.MATROSKA_TAG: self.source_type} if self.hidden else {}

    def seal(self, path: Path) -> None:
        """Write what the file says of itself into it, and sign it: the last step before its rename.

        Args:
            path: the finished file; its suffix names its format.

        Raises:
            UserError: it can't be signed.
        """
        if not self.hidden:
            return
        xmp.put(path, xmp.packet(self.source_type, TOOL))
        if self.signer is not None:
            self.signer.sign(path, self.kind.words, self.source_type, self.source_is_none)

    def settings(self) -> list[Any]:
        """What the pictures depend on; plain JSON values."""
        return [WATERMARK, self.message if self.hidden else None, self.corner if self.label else None]

    def clear_of(self, landmarks: ArrayLike, height: int, width: int) -> Marks:
        """The same with the label where it stands over no face.

        Args:
            landmarks: (N, 68, 2) pixels, of every face in the upright picture, or in all of a video's.
            height, width: of the upright picture.
        """
        return (
            replace(self, corner=free_corner(self.corner, landmarks, height, width)) if self.label else self
        )

    def describe(self, output: Path) -> str:
        """In words, for the summary: what an output is marked with."""
        suffix = picture_suffix(output) or output.suffix.lower()
        if not self.hidden:
            return "labelled, but not marked" if self.label else "NOT MARKED"
        said = ["watermark"]
        if suffix in xmp.PHOTOS or suffix in xmp.VIDEOS:
            said.append("metadata")
        if self.signer is not None and self.signer.signs(suffix):
            said.append("signature")
        return f"marked: {', '.join(said + ['label'] * self.label)}"


NO_MARKS = Marks(hidden=False)


def write_marked_photo(path: Path, image: Image, marks: Marks, like: Photo | None = None) -> None:
    """Write a photo with all its marks, whole or not at all; see `media.photo.write_photo`.

    Args:
        path: its suffix chooses the format.
        image: (H, W, 3) uint8 RGB, upright.
        marks: which.
        like: the photo it was made from.
    """
    pixels = marks.pixels
    write_photo(path, pixels.on_photo(image) if pixels else image, like, seal=marks.seal)

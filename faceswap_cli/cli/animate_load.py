"""What `faceswap animate` moves, and by whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.cli.options import DetectionOptions, PeopleOptions, SafetyOptions
from faceswap_cli.errors import UserError
from faceswap_cli.options import INPUT, WHO, OptionGroup, option
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.portrait.animate.options import AnimateOptions
from faceswap_cli.words import plural

if TYPE_CHECKING:
    from faceswap_cli.faces.identity.people import Person
    from faceswap_cli.pipeline.assignment import SwapPlan
    from faceswap_cli.pipeline.photo import OpenedPhoto
    from faceswap_cli.portrait.animate.effect import AnimateEffect


@dataclass(frozen=True)
class DriverOptions(OptionGroup):
    """What moves the photo."""

    driver: Path | None = option(
        None, group=INPUT, metavar="CLIP",
        help="The video whose face moves the photo's; also numbered pictures.",
    )  # fmt: skip
    loop: str = option(
        "none", group=INPUT, choices=("none", "idle"),
        help="idle: without a driver; the person breathes, blinks and glances, in a loop without a seam "
        "(mp4, gif, webp).",
    )  # fmt: skip
    seconds: float = option(6.0, 1.0, 60.0, group=INPUT, help="How long a loop lasts.")
    sound: str = option(
        "driver", group=INPUT, metavar="driver|none|FILE", help="The sound: the driver's, none, or a file's."
    )
    face_index: int | None = option(
        None, group=WHO, metavar="N",
        help="Animate only this face of the photo, counted from left to right, from 1. [default: the "
        "largest]",
    )  # fmt: skip
    driver_face: Path | None = option(
        None,
        group=WHO,
        metavar="PERSON",
        help="The person on this photo drives, where the clip shows several.",
    )
    mapped: tuple[str, ...] = option(
        (), group=WHO, flags=("--map",), metavar="N=PERSON",
        help="Of a group photo: face N (counted from the left, from 1) is driven by the person of the clip "
        "who is on this photo. May be repeated.",
    )  # fmt: skip

    def check_together(self) -> None:
        """Raise a UserError unless exactly one thing moves the photo."""
        if self.driver is None and self.loop == "none":
            raise UserError(
                "nothing says how the photo moves", "Give a video by --driver CLIP, or --loop idle"
            )
        if self.driver is not None and self.loop != "none":
            raise UserError("--loop idle has no driver", "Leave out --driver or --loop")
        if self.driver is None and (self.mapped or self.driver_face is not None):
            raise UserError("--map and --driver-face name people of a driver", "Give it by --driver CLIP")


def load_animation(
    photos: list[Path],
    wish: DriverOptions,
    look: AnimateOptions,
    people: PeopleOptions,
    safety: SafetyOptions,
    detection: DetectionOptions,
    most: int | None = None,
) -> tuple[OpenedPhoto, SwapPlan, AnimateEffect]:
    """The photo, who drives it, and what is done.

    Args:
        photos: the one that moves, and further ones of the same person.
        wish: what moves it.
        look: how.
        people: which face of the photo.
        safety: what is looked for in it.
        detection: how faces are found.
        most: pixels of its longer side, to which it is shrunk; None: as many as there are.

    Raises:
        UserError: a photo can't be used.
        Refusal: it shows a child.
    """
    import cv2
    import numpy as np

    from faceswap_cli.device import pick_device
    from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
    from faceswap_cli.faces.identity.people import read_person
    from faceswap_cli.faces.parsing.face_parser import FaceParser
    from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
    from faceswap_cli.pipeline.photo import open_photo
    from faceswap_cli.portrait.animate.driven_faces import AnimatedFace
    from faceswap_cli.portrait.animate.effect import AnimateEffect
    from faceswap_cli.portrait.animate.photo import find_open_mouth, read_portrait

    notes: list[str] = []
    guard = safety.guard(detection.device)
    stage = detection.load_analyser(thorough=True)
    encoder = IdentityEncoder()

    def reader(path: Path, role: str) -> Person:
        return read_person(path, role, stage, encoder, notes)

    wanted: list[Person | None] = [reader(path, "only") for path in people.only] or [None]
    unwanted = [reader(path, "not") for path in people.without]
    own = SwapPlan([SwapTarget(None, person) for person in wanted], unwanted, people.threshold, guard)
    opened = open_photo(photos[0], own, stage, PipelineOptions(allow_8bit=True))
    notes += opened.notes
    chosen, drivers = _choose_faces(photos[0], opened, wish, reader)
    image = opened.frame.image
    share = min(1.0, most / max(image.shape[:2])) if most else 1.0
    if share < 1:
        small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        image = np.asarray(small, np.uint8)
    # Most encoders want even sides.
    image = np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])
    parser = FaceParser(str(pick_device(detection.device)))
    faces, tracks = [], opened.clip.tracks
    for target, track in enumerate(chosen):
        landmarks = tracks.landmarks[track] * np.float32(share)
        dense = None if tracks.dense is None else tracks.dense[track] * np.float32(share)
        portrait = read_portrait(photos[0], image, landmarks, dense, parser, notes)
        mouth = find_open_mouth(portrait, landmarks, photos[1:], stage, guard, notes) if not target else None
        faces.append(AnimatedFace(portrait, min(target, len(drivers) - 1), mouth))
    for note in notes:
        console.warn(note)
    plan = SwapPlan([SwapTarget(None, driver) for driver in drivers], threshold=people.threshold, guard=guard)
    idle = wish.seconds if wish.driver is None else None
    return opened, plan, AnimateEffect(image, faces, look, idle)


def _choose_faces(
    path: Path, opened: OpenedPhoto, wish: DriverOptions, read: Callable[[Path, str], Person]
) -> tuple[list[int], list[Person | None]]:
    """The photo's faces that move, and of each the person in the clip who drives it."""
    import numpy as np

    count = len(opened.clip.tracks)
    if wish.mapped:
        if wish.face_index is not None or wish.driver_face is not None:
            raise UserError(
                "--map says already who drives which face", "Leave out --face-index and --driver-face"
            )
        pairs = [_split(text) for text in wish.mapped]
        numbers = [number for number, _ in pairs]
        if len(set(numbers)) < len(numbers):
            raise UserError("--map names one face twice", "Name each once")
        return [_numbered(path, number, count) for number in numbers], [read(who, "map") for _, who in pairs]
    drivers: list[Person | None] = [
        None if wish.driver_face is None else read(wish.driver_face, "driver-face")
    ]
    if wish.face_index is not None:
        return [_numbered(path, wish.face_index, count)], drivers
    mine = sorted(opened.clip.targets)
    sizes = np.ptp(opened.clip.tracks.landmarks[mine], axis=1).prod(-1)
    if len(mine) > 1:
        console.warn(
            f"{path.name} shows {len(mine)} faces: the largest moves; --face-index N or --only PHOTO picks "
            "another"
        )
    return [mine[int(np.argmax(sizes))]], drivers


def _split(text: str) -> tuple[int, Path]:
    number, _, person = text.partition("=")
    if not (number.strip().isdigit() and person):
        raise UserError(f"--map {text} is not N=PERSON", "For example --map 1=anna.jpg --map 2=ben.jpg")
    return int(number), Path(person)


def _numbered(path: Path, number: int, count: int) -> int:
    """The track of a face that is counted from 1."""
    if not 1 <= number <= count:
        raise UserError(
            f"face {number}: {path} shows {plural(count, 'face')}",
            "They are counted from left to right, from 1",
        )
    return number - 1

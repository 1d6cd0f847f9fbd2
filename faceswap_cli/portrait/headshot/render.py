"""A business photo of a person in a photo: cut out, retouched, dressed if asked, and put before a background.

The face is the photo's own pixels; its light is evened at most.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_cli.compositing.guided_filter import box_mean
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.media.frame import Image
from faceswap_cli.portrait.headshot.backdrop import dithered, draw_backdrop
from faceswap_cli.portrait.headshot.framing import (
    CROPS,
    Framing,
    Limits,
    choose_framing,
    whole_photo_limits,
)
from faceswap_cli.portrait.headshot.garment.draw import draw_garment
from faceswap_cli.portrait.headshot.matte import foreground_colours, refine_matte
from faceswap_cli.portrait.headshot.options import HeadshotOptions
from faceswap_cli.portrait.headshot.retouch import retouch
from faceswap_cli.portrait.headshot.subject import Subject

TALLEST = 2400
"""Height of a result in pixels where none is asked for, at most."""

SMALL_RESULT = 480
"""Height below which a result is told to be small."""

MOST_YAW = 35.0
"""Degrees up to which a head can be turned above drawn clothes."""

WRAP = 0.10
"""How much of a bright background's light falls around the edge of the person."""


@dataclass(frozen=True)
class Headshot:
    """A finished business photo.

    Attributes:
        image: (H, W, 3) RGB.
        alpha: (H, W) in [0, 1], the person's.
        framing: where it lies in the photo.
        notes: what the user should know.
    """

    image: Image
    alpha: FloatArray
    framing: Framing
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Cutout:
    """The person, cut out of the photo.

    Attributes:
        picture: (H, W, 3) in [0, 1], the photo where the result lies.
        front: (H, W, 3), the person's own colours.
        alpha: (H, W).
        known: (H, W), where the photo shows its background.
        framing: where it lies in the photo.
        kept: whether the picture shows nothing of the person that the photo does not.
    """

    picture: FloatArray
    front: FloatArray
    alpha: FloatArray
    known: FloatArray
    framing: Framing
    kept: bool


def make_headshot(subject: Subject, options: HeadshotOptions, dress: str, background: str) -> Headshot:
    """Make one business photo.

    Args:
        subject: whom.
        options: how.
        dress, background: of the options', the ones that are meant here.

    Raises:
        UserError: the background's file can't be read; a garment can't be drawn below this head.
    """
    dress, notes = _chosen_dress(subject, dress)
    drawn = dress != "keep"
    cutout = cut_out(subject, options, drawn, background)
    if not cutout.kept and not drawn:
        notes.append("the photo cuts the person off close to the head: so does the result")
    face = cutout.framing.points(subject.face.landmarks)
    unit = cutout.framing.unit
    skin = _bare_skin(subject, cutout)
    front = retouch(cutout.front, cutout.alpha, skin, face, unit, options.retouch)
    alpha = cutout.alpha
    if drawn:
        front, alpha = draw_garment(front, alpha, subject, cutout.framing, skin, dress, options.colours())
    behind = draw_backdrop(
        background, cutout.picture, cutout.known, (float(face[:, 0].mean()), float(face[30, 1])), unit
    )
    if background not in ("keep", "blur"):
        front = _wrapped(front, alpha, behind, unit)
    done = alpha[..., None] * front + (1 - alpha[..., None]) * behind
    if background not in ("keep",):
        done = dithered(done, unit)
    if cutout.framing.height < SMALL_RESULT:
        notes.append(f"the face is small: the result has {cutout.framing.height} pixels in height only")
    return Headshot(np.round(255 * done).astype(np.uint8), alpha, cutout.framing, tuple(notes))


def _chosen_dress(subject: Subject, dress: str) -> tuple[str, list[str]]:
    """What is drawn, "suit" or "jacket", or "keep"; and what the user should know of it.

    Raises:
        UserError: a garment was asked for, which is drawn from the front, and the head is turned away.
    """
    turned = abs(estimate_pose(subject.face.landmarks)[0]) > MOST_YAW
    if dress in ("suit", "jacket"):
        if turned:
            raise UserError(
                f"--dress {dress}: the head is turned too far, and clothes are drawn from the front",
                "Use --dress keep, or a photo that looks to the camera",
            )
        return dress, []
    if dress == "keep" or subject.shoulders or turned:
        return "keep", []
    return "jacket", ["the photo shows no shoulders: they and a jacket were drawn"]


def cut_out(subject: Subject, options: HeadshotOptions, drawn: bool, background: str) -> Cutout:
    """Cut the person out of the photo, where the result will lie."""
    framing, kept = _framing(subject, options, drawn, background)
    picture = np.asarray(framing.cut(subject.photo).astype(np.float32) / 255, np.float32)
    coarse = np.maximum(
        subject.share_in(framing),
        subject.classes_in(framing, ("skin", "nose", "eyes", "mouth", "brows", "glasses")),
    )
    chin = float(framing.points(subject.face.landmarks)[8, 1])
    alpha = refine_matte(picture, coarse, framing.unit, chin, subject.hairless_in(framing))
    inside = np.asarray(cv2.erode(framing.inside(subject.photo.shape), np.ones((3, 3))), np.float32)
    front, _ = foreground_colours(picture, alpha, framing.unit)
    # Below its lower edge the photo's last row goes on: hair and clothes end under a garment, not in a line.
    height, width = subject.photo.shape[:2]
    alpha = np.asarray(alpha * framing.inside((3 * height, width)), np.float32)
    known = np.asarray((1 - alpha) * inside, np.float32)
    return Cutout(picture, front, alpha, known, framing, kept)


def _framing(
    subject: Subject, options: HeadshotOptions, drawn: bool, background: str
) -> tuple[Framing, bool]:
    crop, limits = CROPS[options.crop], subject.limits
    if drawn:
        limits = Limits(top=limits.top)
    if background == "keep":
        whole = whole_photo_limits(subject.head, subject.photo.shape)
        limits = Limits(
            max(limits.left, whole.left),
            max(limits.top, whole.top),
            min(limits.right, whole.right),
            min(limits.bottom, whole.bottom),
        )
    framing, kept = choose_framing(
        subject.head, crop, limits, subject.hair_top, subject.chin, subject.head.unit
    )
    height = options.height or min(framing.height, TALLEST)
    if height == framing.height:
        return framing, kept
    return choose_framing(
        subject.head, crop, limits, subject.hair_top, subject.chin,
        subject.head.unit * height / framing.height,
    )  # fmt: skip


def _bare_skin(subject: Subject, cutout: Cutout) -> FloatArray:
    """(H, W) the face's skin without its features, its border soft."""
    unit = cutout.framing.unit
    skin = subject.classes_in(cutout.framing, ("skin", "nose"))
    sure = np.clip((skin - 0.6) / 0.35, 0, 1).astype(np.float32)
    return np.asarray(box_mean(sure, 0.03 * unit) * sure * cutout.alpha, np.float32)


def _wrapped(front: FloatArray, alpha: FloatArray, behind: FloatArray, unit: float) -> FloatArray:
    """A little of the background's light around the edge, where it is brighter: so an edge looks in place."""
    around = cv2.GaussianBlur(1 - alpha, (0, 0), max(0.03 * unit, 0.6))
    share = (WRAP * around * alpha)[..., None]
    return np.asarray(front + share * np.maximum(behind - front, 0), np.float32)

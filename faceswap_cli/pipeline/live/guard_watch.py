"""The guard beside a stream, in a thread of its own: at first, at new faces, and from time to time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.errors import Refusal
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.safety.guard import SafetyGuard, clarity_of_face, refuse_minor
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.pipeline.live.slots import Newest

FIRST, LATER = 1.0, 15.0
"""Seconds between looks: in the first FIRST_SECONDS, and then."""

FIRST_SECONDS = 5.0

LOOKS = 5
"""Looks at a face that are averaged: the guard judges people, not pictures."""


@dataclass(frozen=True)
class _Question:
    frame: Frame
    faces: Sequence[Face]


class GuardWatch:
    """Asks the guard.

    Args:
        guard: who is asked; None: nothing is refused.
        name: of the camera, for messages.
    """

    def __init__(self, guard: SafetyGuard | None, name: str) -> None:
        self._guard, self._name = guard, Path(name)
        self._questions = Newest[_Question]()
        self._crops: dict[int, list[tuple[Image, float]]] = {}
        self._asked = -FIRST
        self._seen: set[int] = set()
        self.refusal: Refusal | None = None
        self.error: BaseException | None = None
        self.passed = threading.Event()
        if guard is None:
            self.passed.set()
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def show(self, frame: Frame, faces: Sequence[Face]) -> None:
        """A frame and the faces that would be changed in it; never waits."""
        if self._guard is None:
            return
        new = any(face.track not in self._seen for face in faces)
        pause = FIRST if frame.time < FIRST_SECONDS else LATER
        if new or frame.time - self._asked >= pause:
            self._asked = frame.time
            self._seen.update(face.track for face in faces)
            self._questions.put(_Question(frame, faces))

    def close(self) -> None:
        """End, when what is being looked at is done."""
        self._questions.close()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        assert self._guard is not None or self.passed.is_set()
        while not self._questions.closed:
            question = self._questions.take(0.5)
            if question is None or self._guard is None:
                continue
            try:
                self._ask(self._guard, question)
            except Refusal as refusal:
                self.refusal = refusal
                return
            except BaseException as error:  # raised again by whoever runs the stream
                self.error = error
                return
            self.passed.set()

    def _ask(self, guard: SafetyGuard, question: _Question) -> None:
        guard.check_picture(self._name, question.frame.image)
        for face in question.faces if not guard.adults_confirmed else ():
            looks = self._crops.setdefault(face.track, [])
            looks.append((guard.crop(question.frame.image, face.landmarks), clarity_of_face(face)))
            del looks[:-LOOKS]
            age = guard.young([crop for crop, _ in looks], [clear for _, clear in looks])
            if age is not None:
                raise refuse_minor(self._name, "a face", age)
            time.sleep(0)  # let those who draw go first

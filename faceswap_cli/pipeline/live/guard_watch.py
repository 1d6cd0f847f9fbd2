"""The guard beside a stream, in a thread of its own: at first, at new faces, and from time to time."""

from __future__ import annotations

import threading
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

LOOKS, LEAST = 5, 3
"""Looks at a face that are averaged, and so many before it is refused: the guard judges people, not
pictures. Until a look is good, or the face is refused, it is not drawn."""


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
        self._passed: set[int] = set()
        self.refusal: Refusal | None = None
        self.error: BaseException | None = None
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def show(self, frame: Frame, faces: Sequence[Face]) -> None:
        """A frame and the faces that would be changed in it; never waits."""
        if self._guard is None:
            return
        pause = FIRST if frame.time < FIRST_SECONDS else LATER
        if not self.has_passed(faces) or frame.time - self._asked >= pause:
            self._asked = frame.time
            self._questions.put(_Question(frame, faces))

    def has_passed(self, faces: Sequence[Face]) -> bool:
        """Whether the guard has looked, and at each of these faces."""
        if self._guard is None:
            return True
        return self._looked.is_set() and all(face.track in self._passed for face in faces)

    def close(self) -> None:
        """End, when what is being looked at is done."""
        self._questions.close()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
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
            self._looked.set()

    def _ask(self, guard: SafetyGuard, question: _Question) -> None:
        guard.check_picture(self._name, question.frame.image)
        for face in question.faces:
            looks = self._crops.setdefault(face.track, [])
            looks.append((guard.crop(question.frame.image, face.landmarks), clarity_of_face(face)))
            del looks[:-LOOKS]
            age = guard.young([crop for crop, _ in looks], [clear for _, clear in looks])
            if age is None:
                self._passed.add(face.track)
            elif len(looks) >= LEAST:
                raise refuse_minor(self._name, "a face", age)

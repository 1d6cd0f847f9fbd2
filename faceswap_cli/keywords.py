"""Options given to Python functions by keyword, with the commands' declarations and checks."""

from __future__ import annotations

import difflib
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.faces.face_analyser import FaceAnalyser
    from faceswap_cli.options import OptionGroup
    from faceswap_cli.pipeline.options import PipelineOptions
    from faceswap_cli.provenance.marks import Kind

Group = TypeVar("Group", bound="OptionGroup")


class Keywords:
    """Options given by keyword, each taken by the group that declares it.

    Args:
        given: values by their fields' names.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self._left = dict(given)
        self._known: set[str] = set()
        self._taken: list[OptionGroup] = []

    def take(self, kind: type[Group], **fixed: Any) -> Group:
        """A group of options of what was given for it; `end` checks its values.

        Args:
            kind: its dataclass.
            **fixed: further fields of it.
        """
        names = {own.name for own in fields(kind)}
        self._known |= names
        told = {name: self._left.pop(name) for name in names & self._left.keys()}
        group = kind(**{name: _as_declared(value) for name, value in {**told, **fixed}.items()})
        self._taken.append(group)
        return group

    def rest(self) -> dict[str, Any]:
        """What no group has taken, for whoever checks it himself."""
        left, self._left = self._left, {}
        return left

    def end(self) -> None:
        """Raise a UserError for a keyword that no group has taken, or for a value that is not allowed."""
        for name in self._left:
            near = difflib.get_close_matches(name, self._known, 1)
            hint = f"Did you mean {near[0]}?" if near else "See docs/cli.md"
            raise UserError(f"there is no option {name}", hint)
        for group in self._taken:
            group.check()


def _as_declared(value: Any) -> Any:
    """Lists as the tuples that options hold."""
    return tuple(value) if isinstance(value, list) else value


class Shared:
    """Options of all work on videos, or on photos, as keywords say them.

    Args:
        keywords: those that nobody else takes must be of these.
        video: a photo is analysed more thoroughly, and isn't encoded.
    """

    def __init__(self, keywords: Keywords, video: bool) -> None:
        from faceswap_cli.cli.mark_options import MarkOptions
        from faceswap_cli.cli.options import DetectionOptions, PeopleOptions, SafetyOptions
        from faceswap_cli.media.encode_options import EncodeRequest
        from faceswap_cli.pipeline.options import PipelineOptions

        self.detection = keywords.take(DetectionOptions)
        self.people, self.safety = keywords.take(PeopleOptions), keywords.take(SafetyOptions)
        self._marks, self._pipeline = keywords.take(MarkOptions), keywords.take(PipelineOptions)
        self.encode = keywords.take(EncodeRequest) if video else None
        keywords.end()

    def load_analyser(self) -> FaceAnalyser:
        """What finds the faces."""
        return self.detection.load_analyser(thorough=self.encode is None)

    def load_thorough(self) -> FaceAnalyser:
        """What finds the faces of people on photos."""
        return self.detection.load_analyser(thorough=True)

    def pipeline(self, kind: Kind, model: str) -> PipelineOptions:
        """How an effect is run, and results are marked; `model`: a checksum of what does it."""
        marks = self._marks.build_marks(kind, model, label=self.encode is not None)
        return replace(self._pipeline, marks=marks)

"""`--frames 100-250,400-`: which pieces of a video are wanted, and when what is in them is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from faceswap_cli.errors import UserError

Piece = tuple[int, int | None]
"""First and last frame, both inclusive and counted from 0; None is the video's end."""

_LONG_AGO = Fraction(-(1 << 40))
"""Before any time in a video, seconds."""


def parse_pieces(text: str) -> tuple[Piece, ...]:
    """The pieces that a text such as "100-250,400-" names; "-100" begins at 0, "7" is one frame.

    Raises:
        UserError: it can't be read, or its pieces are not in order or overlap.
    """
    pieces: list[Piece] = []
    for part in text.replace(" ", "").split(","):
        match = re.fullmatch(r"(\d{0,18})(-?)(\d{0,18})", part)
        if match is None or not (match[1] or match[3]):
            raise UserError(f"--frames {text}: {part or 'nothing'} is no piece", "Write it as 100-250,400-")
        first = int(match[1] or 0)
        last = int(match[3]) if match[3] else None if match[2] else first
        after = pieces[-1][1] if pieces else -1
        if last is not None and last < first:
            raise UserError(f"--frames {text}: {part} ends before it begins", "Write it as 100-250,400-")
        if after is None or first <= after:
            raise UserError(f"--frames {text}: {part} does not come after what stands before it",
                            "Name the pieces in order, from 0")  # fmt: skip
        pieces.append((first, last))
    return tuple(pieces)


def is_wanted(pieces: Sequence[Piece], frame: int) -> bool:
    """True if a frame is in a piece; without pieces every frame is wanted."""
    return not pieces or any(first <= frame and (last is None or frame <= last) for first, last in pieces)


def is_past(pieces: Sequence[Piece], frame: int) -> bool:
    """True if neither a frame nor any after it is wanted."""
    return bool(pieces) and pieces[-1][1] is not None and frame > pieces[-1][1]


def count_wanted(pieces: Sequence[Piece], frames: int | None) -> int | None:
    """How many frames of a video of `frames` frames are wanted; None if nobody knows."""
    if frames is None and pieces and pieces[-1][1] is None:
        return None
    if not pieces or frames is None:
        return frames if not pieces else sum((last or 0) - first + 1 for first, last in pieces)
    ends = [(first, frames - 1 if last is None else min(last, frames - 1)) for first, last in pieces]
    return sum(max(0, last - first + 1) for first, last in ends)


@dataclass(frozen=True)
class Span:
    """A piece in time, all in seconds of exact fractions.

    Attributes:
        start: when its first frame is shown in the source.
        end: when its last frame is over.
        place: when its first frame is shown in the result.
    """

    start: Fraction
    end: Fraction
    place: Fraction


class Cut:
    """Moves times of the source to those of the result.

    Args:
        spans: in order.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = spans

    @classmethod
    def of_frames(
        cls,
        times: Sequence[Fraction],
        last: Fraction,
        pieces: Sequence[Piece],
        origin: Fraction = Fraction(0),
    ) -> Cut:
        """The cut that shows frames at `times` (seconds in the source), in `pieces`, without pauses.

        A piece that begins with the first frame stays where it is, and with it all that comes before. Else
        the result begins at 0.

        Args:
            times: of all frames that are in the result, in order.
            last: how long the last frame of a piece is shown, seconds.
            pieces: which they are in the source.
            origin: the second of the source that is 0 in the result, if it begins with the first frame.
        """
        spans, done, place = [], 0, Fraction(0)
        for first, end in pieces:
            count = len(times) - done if end is None else min(end - first + 1, len(times) - done)
            if not count:
                break
            start, over = times[done], times[done + count - 1] + last
            if first == 0:
                start, place = _LONG_AGO, _LONG_AGO - origin
            spans.append(Span(start, over, place))
            place += over - start
            done += count
        return cls(spans)

    @classmethod
    def shift(cls, origin: Fraction) -> Cut:
        """The cut that leaves out nothing, and moves everything so that `origin` (seconds) becomes 0."""
        return cls([Span(_LONG_AGO, -_LONG_AGO, _LONG_AGO - origin)])

    def map_times(self, start: Fraction, end: Fraction | None = None) -> tuple[Fraction, Fraction] | None:
        """Where what is shown from `start` to `end` in the source is shown; None if nowhere.

        Without an end it is kept whole if it starts in a piece; with one, what of it is in a piece is kept.
        """
        parts = [
            (max(start, span.start) - span.start + span.place, min(end, span.end) - span.start + span.place)
            if end is not None
            else (start - span.start + span.place,) * 2
            for span in self.spans
            if (span.start <= start < span.end if end is None else start < span.end and end > span.start)
        ]
        return (parts[0][0], parts[-1][1]) if parts else None


def shift_chapters(chapters: Iterable[Any], cut: Cut) -> list[Any]:
    """PyAV's chapters, those of them that are in the result, at their times there."""
    moved = []
    for chapter in chapters:
        base = chapter["time_base"]
        place = cut.map_times(chapter["start"] * base, chapter["end"] * base)
        if place is not None:
            start, end = (round(seconds / base) for seconds in place)
            moved.append({**chapter, "start": start, "end": end})
    return moved

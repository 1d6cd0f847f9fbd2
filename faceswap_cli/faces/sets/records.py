"""The lines of a face set's `faces.jsonl`, and what they say.

The file is a log: a header line, then face lines, each batch of them followed by a line of its source. A
source line commits the face lines before it ("of this source so many frames have been looked at"); face
lines after a source's last line were cut off by an interruption and don't count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import SCORE_DIGITS, Face, FloatArray, round_values
from faceswap_cli.faces.geometry import transform
from faceswap_cli.faces.landmarks.packed_points import unpack_points
from faceswap_cli.limits import parse_json

FORMAT, VERSION = "faceswap-faces", 1
INDEX = "faces.jsonl"
CROPS = "crops"

FARTHEST, LEAST_SPREAD = 1e6, 0.1
"""Pixels within which landmarks lie, and over which they spread at least: others are no face's."""

_CROP_NAME = re.compile(r"[^/\\\x00-\x1f]+\.jpg")


@dataclass(frozen=True)
class Header:
    """What holds for the whole set.

    Attributes:
        crop_size: side S of the stored crops in pixels.
        side: side of the crops in face units, see `geometry`.
        settings: the options the set was made with, as text; all sources share them.
    """

    crop_size: int
    side: float
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A video or photo that faces came from.

    Attributes:
        id: its number in this set, from 0.
        name: the file's name.
        path: absolute path it was read from; it may be gone by now.
        kind: "video" or "photo".
        width, height: of the upright frames, in pixels; 0 before the first frame was seen.
        prefix: how its crops' names begin.
        size, mtime_ns: the file's length in bytes and time of change: its fingerprint.
        seen: frames (decoded, wanted or not) that have been looked at, counted from the first.
        faces: number of its face lines that are committed, deleted crops included.
        complete: all there was to see has been seen.
        notes: damage met while reading, for people.
    """

    id: int
    name: str
    path: str
    kind: str
    width: int
    height: int
    prefix: str
    size: int
    mtime_ns: int
    seen: int = 0
    faces: int = 0
    complete: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaceRecord:
    """One face of a face set. Coordinates are frame pixels unless said otherwise.

    Attributes:
        crop: the crop's name, and that of its file in `crops/` unless the set was sorted, see `crop_files`.
        source: id of its source.
        frame: index of its frame; time: seconds; pts: the stream's own timestamp, None for photos.
        box: (4,) float32, x0 y0 x1 y1.
        landmarks: (68, 2) float32, rounded to 0.01 px.
        matrix: (2, 3) float32, frame pixels to crop pixels.
        score: 0..1.
        track: number of its track within the source; -1 until the source is complete.
        shot: number of its shot (between two cuts) within the source, from 0.
        sharpness: see `quality.face_sharpness`; about 1 for a crisp face.
        pose: yaw, pitch, roll in degrees, see `pose`.
        confidence: how sure the landmarks are on average, 0..1; 1 in sets that don't say.
        packed: dense points and expression as `packed_points` writes them; None in sets that have 68 points
            only. They are unpacked when `face` is asked for: a large set's would take hundreds of megabytes.
    """

    crop: str
    source: int
    frame: int
    time: float
    pts: int | None
    box: FloatArray
    landmarks: FloatArray
    matrix: FloatArray
    score: float
    track: int
    shot: int
    sharpness: float
    pose: tuple[float, float, float]
    confidence: float = 1.0
    packed: str | None = None

    @property
    def face(self) -> Face:
        """The face as detectors and converters know it."""
        known = unpack_points(self.landmarks, self.packed) if self.packed else (None, None)
        return Face(self.box, self.landmarks, self.score, self.track, self.confidence, *known)


@dataclass
class Index:
    """Everything `faces.jsonl` says.

    Attributes:
        header: the first line.
        sources: by id, in order.
        records: the committed faces of each source, by frame.
        dropped: whether the file held anything beyond that (cut-off or superseded lines).
    """

    header: Header
    sources: dict[int, Source]
    records: dict[int, list[FaceRecord]]
    dropped: bool = False


def parse_index(lines: Iterable[str], path: Path) -> Index:
    """Read a whole `faces.jsonl`.

    Args:
        lines: its lines, each with its end.
        path: its name, for messages.

    Raises:
        UserError: not a face set, another version, or a damaged line (a torn last line is ignored: it was
            being written when the run was stopped).
    """
    remaining = iter(lines)
    index = Index(_parse_header(next(remaining, ""), path), {}, {})
    pending: dict[int, list[FaceRecord]] = {}
    for number, line in enumerate(remaining, start=2):
        if not line.endswith("\n"):
            index.dropped = True
            break
        try:
            parsed = _parse_line(parse_json(line))
        except (ValueError, KeyError, TypeError, ArithmeticError, AttributeError) as error:
            raise UserError(
                f"line {number} of {path} is damaged ({error})",
                "Restore the file from a copy, or extract the faces again into a new folder",
            ) from error
        if isinstance(parsed, FaceRecord):
            pending.setdefault(parsed.source, []).append(parsed)
        else:
            index.dropped |= parsed.id in index.sources
            index.sources[parsed.id] = parsed
            index.records.setdefault(parsed.id, []).extend(pending.pop(parsed.id, []))
    index.dropped |= bool(pending)
    return index


def format_index(index: Index) -> str:
    """The whole file, with nothing superseded in it; what an uninterrupted run leaves."""
    lines = [format_header(index.header)]
    for source in index.sources.values():
        lines += [format_record(record) for record in index.records.get(source.id, [])]
        lines.append(format_source(source))
    return "".join(lines)


def format_header(header: Header) -> str:
    """The first line."""
    return _line(
        {
            "format": FORMAT,
            "version": VERSION,
            "crop_size": header.crop_size,
            "side": header.side,
            "settings": dict(header.settings),
        }
    )


def format_source(source: Source) -> str:
    """A source's line. The key `source` tells it from a face line."""
    fields = asdict(source)
    return _line({"source": fields.pop("id"), **fields})


def format_record(record: FaceRecord) -> str:
    """A face's line. The key `crop` tells it from a source line."""
    return _line(
        {
            "crop": record.crop,
            "of": record.source,
            "frame": record.frame,
            "time": record.time,
            "pts": record.pts,
            "box": round_values(record.box),
            "landmarks": round_values(record.landmarks),
            "matrix": round_values(record.matrix, 6),
            "score": round(record.score, SCORE_DIGITS),
            "track": record.track,
            "shot": record.shot,
            "sharpness": round(record.sharpness, 4),
            "pose": [round(angle, 1) for angle in record.pose],
            "confidence": round(record.confidence, SCORE_DIGITS),
            **({"dense": record.packed} if record.packed else {}),
        }
    )


def as_stored(record: FaceRecord) -> FaceRecord:
    """A record as it comes back from the file."""
    parsed = _parse_line(json.loads(format_record(record)))
    assert isinstance(parsed, FaceRecord)
    return parsed


def with_tracks(records: Iterable[FaceRecord], tracks: Iterable[int]) -> list[FaceRecord]:
    """The records with their track numbers set."""
    return [replace(record, track=track) for record, track in zip(records, tracks, strict=True)]


def _line(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def _parse_header(line: str, path: Path) -> Header:
    try:
        fields = parse_json(line)
        known = fields["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise UserError(f"{path} is not the index of a face set", "Make a face set with `faceswap extract`")
    if fields.get("version") != VERSION:
        raise UserError(
            f"{path} is a face set of version {fields.get('version')}, this tool reads version {VERSION}",
            "Use the version of faceswap that made it, or extract the faces again",
        )
    try:
        settings = {str(name): str(value) for name, value in fields["settings"].items()}
        size, side = int(fields["crop_size"]), float(fields["side"])
        if not (16 <= size <= 4096 and 0.5 <= side <= 16):
            raise ValueError(f"crops of {size} pixels and {side:g} face units")
        return Header(size, side, settings)
    except (ValueError, KeyError, TypeError, ArithmeticError, AttributeError) as error:
        raise UserError(f"line 1 of {path} is damaged ({error})", "Extract the faces again") from error


def _parse_line(fields: Any) -> FaceRecord | Source:
    if "crop" not in fields:
        given = {**fields, "id": int(fields["source"]), "notes": tuple(fields["notes"])}
        del given["source"]
        return _checked(Source(**given))
    crop = fields["crop"]
    if not is_crop_name(crop):
        raise ValueError(f"{crop!r} is no crop's name")
    yaw, pitch, roll = fields["pose"]
    landmarks, matrix = _array(fields["landmarks"], (68, 2)), _array(fields["matrix"], (2, 3))
    for points in (landmarks, transform(landmarks, matrix)):
        if np.abs(points).max() > FARTHEST or np.ptp(points, axis=0).max() < LEAST_SPREAD:
            raise ValueError("landmarks that are no face's")
    if (packed := fields.get("dense")) is not None:  # younger than the format
        unpack_points(landmarks, packed)  # a ValueError if it is anything else
    return FaceRecord(
        crop=crop,
        source=_count(fields["of"]),
        frame=_count(fields["frame"]),
        time=float(fields["time"]),
        pts=None if fields["pts"] is None else int(fields["pts"]),
        box=_array(fields["box"], (4,)),
        landmarks=landmarks,
        matrix=matrix,
        score=float(fields["score"]),
        track=_count(fields["track"], -1),
        shot=_count(fields["shot"]),
        sharpness=float(fields["sharpness"]),
        pose=(float(yaw), float(pitch), float(roll)),
        confidence=float(fields.get("confidence", 1.0)),  # younger than the format
        packed=packed,
    )


def is_crop_name(name: Any) -> bool:
    """Whether something can be a crop's name: it becomes a path, and may not lead out of the folder."""
    return isinstance(name, str) and len(name) <= 255 and bool(_CROP_NAME.fullmatch(name))


def _checked(source: Source) -> Source:
    """A source as it was read, or a ValueError: its prefix becomes part of paths, its numbers of sums."""
    if not is_crop_name(f"{source.prefix}.jpg"):
        raise ValueError(f"{source.prefix!r} is no prefix of crops")
    if source.kind not in ("video", "photo") or not isinstance(source.complete, bool):
        raise ValueError(f"a source of the kind {source.kind!r}")
    if not all(isinstance(text, str) for text in (source.name, source.path, *source.notes)):
        raise ValueError("a name that is no text")
    for value in (source.id, source.width, source.height, source.size, source.seen, source.faces):
        _count(value)
    _count(source.mtime_ns, -(2**63))
    return source


def _count(value: Any, least: int = 0) -> int:
    """A whole number that fits where it will be put."""
    if type(value) is not int or not least <= value < 2**63:
        raise ValueError(f"{value!r} is no count")
    return value


def _array(values: Any, shape: tuple[int, ...]) -> FloatArray:
    array = np.array(values, np.float32)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"expected {shape} finite numbers")
    return array

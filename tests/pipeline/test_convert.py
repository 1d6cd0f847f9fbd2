"""Converting a video as a whole: what comes out, who is left alone, what is refused."""

from __future__ import annotations

import dataclasses
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from faceswap_cli.effects.planned_faces import plan_faces
from faceswap_cli.effects.swap.composite import composite_frames
from faceswap_cli.effects.swap.render import render_frames
from faceswap_cli.errors import UserError
from faceswap_cli.evaluation.swap import evaluate_swap
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.sets.faceset import FaceSet, FaceSetWriter
from faceswap_cli.faces.sets.records import FaceRecord, Header, Source
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.colour import ColourTags, pixel_kind
from faceswap_cli.media.photo import Photo, read_photo, write_photo
from faceswap_cli.media.photo_metadata import Metadata
from faceswap_cli.media.probe import probe
from faceswap_cli.pipeline import assignment
from faceswap_cli.pipeline import convert_video as convert_module
from faceswap_cli.pipeline.comparison_sheet import write_side_by_side
from faceswap_cli.pipeline.convert_video import check_source
from tests.pipeline import moving_face as mf


def left_overs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_frame_at_its_time_and_the_face_changed(video: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    steps = mf.convert(video, output)
    old, new = mf.frames_of(video), mf.frames_of(output)
    assert [frame.time for frame in new] == pytest.approx([frame.time for frame in old])
    assert mf.changed_inside(video, output).min() > 30
    for a, b in zip(old, new, strict=True):
        far = np.abs(a.image[:, 130:].astype(int) - b.image[:, 130:])
        assert far.mean() < 1.5  # encoding, nothing else
    assert left_overs(tmp_path) == ["out.mp4"]
    assert [step.phase for step in steps if step.phase == "join"] == ["join", "join"]
    assert mf.steps_of(steps, "render") == list(range(1, mf.FRAMES + 1))


@pytest.mark.parametrize("colours", ["none", "rct", "mkl", "hist", "seamless"])
def test_a_face_drawn_as_it_was_is_invisible(video: Path, tmp_path: Path, colours: str) -> None:
    output = tmp_path / "out.mkv"
    encode = dataclasses.replace(mf.FAST, encoder="ffv1")
    mf.convert(video, output, mf.identity(128), options=mf.options(colour=colours, encode=encode))
    pairs = zip(mf.frames_of(video), mf.frames_of(output), strict=True)
    worst = max(((a.image.astype(float) - b.image) ** 2).mean() for a, b in pairs)
    assert 10 * np.log10(255**2 / worst) > 45


def test_a_real_face_drawn_as_it_was_is_invisible(shared: Path, tmp_path: Path) -> None:
    """The whole chain on real footage, with the real detector and landmarks."""
    source, output = shared / "clips" / "intel_head-pose-face-detection-female.mp4", tmp_path / "out.mkv"
    lossless = mf.options(encode=dataclasses.replace(mf.FAST, encoder="ffv1"), colour="rct")
    mf.convert(source, output, mf.identity(192), options=lossless, stage=build_analyser())
    report = evaluate_swap(source, output, None, None, build_analyser())
    assert report.faces == report.frames == 23
    assert (report.inside, report.ring) < (1.5, 0.5)
    assert report.landmarks < 0.5
    assert 0.4 < report.sharpness < 1.1  # 60 px across, with an encoder's noise
    assert 0.8 < report.flicker < 1.1


def test_colour_is_matched_and_steady(video: Path, tmp_path: Path) -> None:
    """A renderer whose brightness flickers from one batch to the next comes out steady."""
    calls = iter(range(1000))
    flicker = mf.Paint(lambda crops: crops * (0.6 + 0.05 * (next(calls) % 3)))
    output = tmp_path / "out.mp4"
    mf.convert(video, output, flicker, options=mf.options(colour="rct", batch=1))
    assert mf.changed_inside(video, output).max() < 8


def test_a_face_lost_for_a_few_frames_is_drawn_all_the_same(video: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    mf.convert(video, output, stage=mf.fake_stage(missing=[9, 10, 11, 30, 31, 32, 33, 34, 35, 36]))
    changed = mf.changed_inside(video, output)
    assert changed[[8, 9, 10, 11, 12]].min() > 30
    assert changed[30:37].max() < 5  # too long to guess


def test_no_face_is_an_error_and_leaves_nothing(video: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no face"):
        mf.convert(video, tmp_path / "out.mp4", stage=mf.fake_stage(people=0))
    assert left_overs(tmp_path) == []


def test_a_damaged_source_is_converted_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    source, output = mf.write_video(tmp_path / "in.mp4"), tmp_path / "out.mkv"
    data = bytearray(source.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    source.write_bytes(data)
    notes = [step.note for step in mf.convert(source, output) if step.note]
    assert sum("in.mp4 is damaged" in note for note in notes) == 1
    read = mf.frames_of(source)
    assert 10 < len(read) <= mf.FRAMES
    assert [frame.index for frame in mf.frames_of(output)] == [frame.index for frame in read]


class Recogniser:
    """Person 0 is e0, person 1 is e1; profile-like failures never happen."""

    def embed(self, image: np.ndarray, landmarks: list[np.ndarray]) -> np.ndarray:
        people = [int(points[:, 0].mean() > 90) for points in landmarks]
        return np.eye(128, dtype=np.float32)[people]


@pytest.fixture
def recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "IdentityEncoder", Recogniser)


@pytest.mark.usefixtures("recogniser")
def test_someone_else_is_left_alone(couple: Path, tmp_path: Path) -> None:
    output, person = tmp_path / "out.mp4", np.eye(128, dtype=np.float32)[[1, 1]]
    steps = mf.convert(couple, output, stage=mf.fake_stage(2), plan=mf.only_by(mf.negative(), person))
    assert mf.changed_inside(couple, output, 0).max() < 5
    assert mf.changed_inside(couple, output, 1).min() > 30
    notes = [step.note for step in steps if step.note]
    assert any("1 of 2 face tracks" in note and "someone else" in note for note in notes)
    mf.convert(
        couple,
        output,
        stage=mf.fake_stage(2),
        plan=mf.negative(),
    )
    assert mf.changed_inside(couple, output, 0).min() > 30


@pytest.mark.usefixtures("recogniser")
def test_nobody_wanted_is_an_error_that_counts_the_others(couple: Path, tmp_path: Path) -> None:
    stranger = np.eye(128, dtype=np.float32)[[7]]
    with pytest.raises(UserError, match=r"2 .*others.*--all-faces"):
        mf.convert(
            couple, tmp_path / "out.mp4", stage=mf.fake_stage(2), plan=mf.only_by(mf.negative(), stranger)
        )


def make_set(folder: Path, video: Path, complete: bool = True, every: str = "1") -> FaceSet:
    """A face set of the one-face video, one face a frame."""
    stat = video.stat()
    source = Source(
        0,
        video.name,
        str(video.resolve()),
        "video",
        mf.WIDTH,
        mf.HEIGHT,
        "one",
        stat.st_size,
        stat.st_mtime_ns,
    )
    with FaceSetWriter(folder, Header(32, 2.75, {"every": every})) as writer:
        source = writer.add_source(source)
        faces = []
        for frame in mf.frames_of(video):
            points = mf.face_points(frame.index)
            box = np.concatenate([points.min(0), points.max(0)])
            record = FaceRecord(
                f"one-{frame.index:06d}.jpg", source.id, frame.index, frame.time, frame.pts, box, points,
                np.eye(2, 3, dtype=np.float32), 0.9, 0, 0, 1.0, (0.0, 0.0, 0.0),
            )  # fmt: skip
            faces.append((record, np.zeros((32, 32, 3), np.uint8)))
        source = dataclasses.replace(source, seen=len(faces))
        writer.add(source, faces)
        if complete:
            writer.finish(source, {record.crop: 0 for record, _ in faces})
    return FaceSet.open(folder)


def test_faces_whose_crops_were_deleted_stay(video: Path, tmp_path: Path) -> None:
    faces = make_set(tmp_path / "faces", video)
    for record in faces.records:
        if record.frame in (5, 6, 20):
            faces.crop_path(record).unlink()
    output = tmp_path / "out.mp4"
    mf.convert(video, output, faces=FaceSet.open(tmp_path / "faces"))
    changed = mf.changed_inside(video, output)
    gone = np.isin(np.arange(mf.FRAMES), (5, 6, 20))
    assert changed[gone].max() < 5
    assert changed[~gone].min() > 30


def test_people_who_are_not_in_the_set_stay(couple: Path, tmp_path: Path) -> None:
    """As in the set of one person that `faces group` makes."""
    output = tmp_path / "out.mp4"
    mf.convert(couple, output, faces=make_set(tmp_path / "faces", couple))
    assert mf.changed_inside(couple, output, 0).min() > 30
    assert mf.changed_inside(couple, output, 1).max() < 5


def test_a_set_of_another_video_or_half_a_set_is_refused(video: Path, couple: Path, tmp_path: Path) -> None:
    faces = make_set(tmp_path / "faces", video)
    with pytest.raises(UserError, match=r"not of this video.*one\.mp4"):
        mf.convert(couple, tmp_path / "out.mp4", faces=faces)
    half = make_set(tmp_path / "half", video, complete=False)
    with pytest.raises(UserError, match="interrupted"):
        mf.convert(video, tmp_path / "out.mp4", faces=half)
    sparse = make_set(tmp_path / "sparse", video, every="5")
    with pytest.raises(UserError, match="--every 5"):
        mf.convert(video, tmp_path / "out.mp4", faces=sparse)


def test_a_renamed_video_is_still_known(video: Path, tmp_path: Path) -> None:
    faces = make_set(tmp_path / "faces", video)
    moved = tmp_path / "moved" / video.name
    moved.parent.mkdir()
    moved.write_bytes(video.read_bytes())
    mf.convert(moved, tmp_path / "out.mp4", faces=faces)


def test_what_cannot_be_converted_is_said_at_once(video: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="source itself"):
        mf.convert_video(video, video, mf.negative(), mf.options(), mf.fake_stage())
    info = probe(video)
    with pytest.raises(UserError, match="HDR"):
        check_source(dataclasses.replace(info, tags=ColourTags(transfer=16, matrix=14)))
    check_source(dataclasses.replace(info, tags=ColourTags(transfer=16)))
    check_source(dataclasses.replace(info, pixels=pixel_kind("yuv420p10le")))
    for wrong in ({"mask": "oval"}, {"smoothing": -1}, {"erode": float("nan")}, {"segment_frames": 0}):
        with pytest.raises(UserError, match="--"):
            mf.convert_video(video, tmp_path / "out.mp4", mf.negative(), mf.options(**wrong), mf.fake_stage())
    with pytest.raises(UserError, match="txt"):
        mf.convert_video(video, tmp_path / "out.txt", mf.negative(), mf.options(), mf.fake_stage())
    assert left_overs(tmp_path) == []


def test_a_mistyped_source_is_said_though_the_output_exists(tmp_path: Path) -> None:
    for name, convert, extra in (
        ("out.mp4", mf.convert_video, (mf.fake_stage(),)),
        ("out.png", mf.convert_photo, (mf.fake_stage(),)),
    ):
        output = tmp_path / name
        output.write_bytes(b"older")
        with pytest.raises(UserError, match=r"no such file: .*mistyped") as caught:
            convert(tmp_path / f"mistyped-{name}", output, mf.negative(), mf.options(), *extra)
        assert "\n" not in str(caught.value)
        assert output.read_bytes() == b"older"


def test_an_interlaced_video_is_told(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = dataclasses.replace(probe(video), interlaced=True)
    monkeypatch.setattr(convert_module, "probe", lambda path, rate: seen)
    notes = [step.note for step in mf.convert(video, tmp_path / "out.mp4") if step.note]
    assert sum("interlaced video: it is deinterlaced" in note for note in notes) == 1


def test_a_renderers_error_ends_the_run_and_says_what(video: Path, tmp_path: Path) -> None:
    def fails(crops: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("out of memory on the card")

    output = tmp_path / "out.mp4"
    output.write_bytes(b"what stood there")
    with pytest.raises(RuntimeError, match="out of memory on the card"):
        mf.convert(video, output, mf.Paint(fails))
    assert output.read_bytes() == b"what stood there"


def test_memory_does_not_grow_with_length(video: Path) -> None:
    """The whole drawing chain over few and over many frames: the same peak, within a tenth."""
    image = mf.picture(0)

    def peak(count: int) -> int:
        points = np.repeat(mf.face_points(0)[None], count, 0)
        found = FaceTracks(
            np.arange(count), np.zeros(count, np.int64), points, np.ones(count, np.float32),
            np.arange(count) / 25, np.zeros((0, 2), np.int64),
        )  # fmt: skip
        plan = plan_faces(found, {0: 0}, 1.0)
        frames = (mf.Frame(i, i / 25, image.copy(), i) for i in range(count))
        tracemalloc.start()
        for _ in composite_frames(
            render_frames(frames, plan, [mf.identity()], mf.swap_options()), mf.swap_options()
        ):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(16)
    assert peak(160) < 1.1 * peak(40)


def test_photo(tmp_path: Path) -> None:
    source, output = tmp_path / "in.png", tmp_path / "out.png"
    write_photo(source, mf.picture(0, 2))
    report = mf.convert_photo(source, output, mf.negative(), mf.options(), mf.fake_stage(2))
    assert (report.changed, report.left_alone) == (2, 0)
    old, new = read_photo(source).image, read_photo(output).image
    x, y = mf.face_points(0).mean(0).astype(int)
    assert (
        np.abs(old[y - 5 : y + 5, x - 5 : x + 5].astype(int) - new[y - 5 : y + 5, x - 5 : x + 5]).mean() > 30
    )
    assert np.array_equal(old[:20], new[:20])
    with pytest.raises(UserError, match="no face"):
        mf.convert_photo(source, tmp_path / "b.png", mf.negative(), mf.options(), mf.fake_stage(0))
    with pytest.raises(UserError, match="source itself"):
        mf.convert_photo(source, source, mf.negative(), mf.options(), mf.fake_stage())
    assert left_overs(tmp_path) == ["in.png", "out.png"]


def test_what_a_photo_s_format_loses_is_told(tmp_path: Path) -> None:
    source, image = tmp_path / "in.png", mf.picture(0)
    icc = bytes(16) + b"RGB " + bytes(180)
    write_photo(
        source, image, Photo(image, np.full(image.shape[:2], 99, np.uint8), metadata=Metadata(icc=icc))
    )
    for name, said in {
        "a.jpg": "a.jpg does not keep the photo's transparency",
        "a.tif": None,
        "a.bmp": "a.bmp does not keep the photo's transparency and colour profile",
        "a.png": None,
    }.items():
        report = mf.convert_photo(source, tmp_path / name, mf.negative(), mf.options(), mf.fake_stage())
        assert report.note == said


def test_a_real_photo(tmp_path: Path) -> None:
    """With the real detector: drawn as it was a face is invisible, mirrored it shows, and only there."""
    source = Path(__file__).parents[1] / "data" / "face.jpg"
    stage, results = build_analyser(thorough=True), {}
    for name, renderer in (("same", mf.identity(192)), ("mirrored", mf.Paint(lambda c: c.flip(3), 192))):
        output = tmp_path / f"{name}.png"
        report = mf.convert_photo(source, output, renderer, mf.options(colour="rct"), stage)
        assert (report.changed, report.left_alone) == (1, 0)
        results[name] = read_photo(output).image.astype(int)
    before = read_photo(source).image.astype(int)
    assert np.abs(results["same"] - before).max() < 40
    assert np.abs(results["same"] - before).mean() < 0.18
    changed = np.abs(results["mirrored"] - before).max(axis=2) > 0
    assert 0.02 < changed.mean() < 0.25
    rows, columns = np.nonzero(changed)
    assert np.ptp(rows) < 200 and np.ptp(columns) < 170


@pytest.mark.usefixtures("recogniser")
def test_photo_of_several_people(tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    write_photo(source, mf.picture(0, 2))
    person = np.eye(128, dtype=np.float32)[[0]]
    report = mf.convert_photo(
        source, tmp_path / "o.png", mf.only_by(mf.negative(), person), mf.options(), mf.fake_stage(2)
    )
    assert (report.changed, report.left_alone) == (1, 1)
    with pytest.raises(UserError, match="--all-faces"):
        mf.convert_photo(
            source,
            tmp_path / "p.png",
            mf.only_by(mf.negative(), person[:, ::-1].copy()),
            mf.options(),
            mf.fake_stage(2),
        )


def test_sheet(video: Path, tmp_path: Path) -> None:
    output, sheet = tmp_path / "out.mp4", tmp_path / "sheet.png"
    mf.convert(video, output)
    write_side_by_side(video, output, sheet, count=4)
    page = read_photo(sheet).image
    assert page.shape[0] > 600 and page.shape[1] > 1200

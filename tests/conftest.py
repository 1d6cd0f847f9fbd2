"""Small synthetic clips that any test may ask for; threads and the order of files for several workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    # Before numpy and torch are loaded: threads of several workers would wait for each other, spinning.
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    os.environ.setdefault("OMP_NUM_THREADS", threads)
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", threads)

import av
import numpy as np
import pytest

LONGEST = (
    "cli/test_whole_way.py",
    "training/objectives/test_ageing.py",
    "pipeline/executors/test_processes.py",
    "scripts/test_stress.py",
    "cli/test_convert_photo.py",
    "pipeline/test_convert.py",
    "cli/test_conditional.py",
    "cli/test_families.py",
    "training/engine/test_parallel.py",
    "faces/sets/test_extract.py",
    "faces/sets/test_extract_again.py",
    "pipeline/test_resume.py",
    "training/test_style.py",
    "test_api.py",
    "cli/test_lab.py",
    "cli/test_animate.py",
    "cli/test_age.py",
)
"""Files that take longest. They are begun first, so that at the end no worker waits for another."""

ClipMaker = Callable[..., Path]


def picture(index: int, width: int, height: int) -> np.ndarray:
    """A smooth (H, W, 3) uint8 RGB picture with a light square that moves with `index`."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([x * 200 // width, y * 200 // height, (x + y) * 100 // (width + height)], axis=2) + 20
    left = index * 3 % max(1, width - 8)
    image[2 : 2 + height // 4, left : left + 8] = (240, 220, 60)
    return image.astype(np.uint8)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order within a file, and of all others, stays."""
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session", autouse=True)
def own_user_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept in the user's folder is not kept in that of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("user")))
        yield


@pytest.fixture(scope="module", autouse=True)
def faces_are_remembered(request: pytest.FixtureRequest) -> Iterator[None]:
    """The detector looks at each picture once, except where it is itself what is tested."""
    if "detection" in request.path.relative_to(Path(__file__).parent).parts:
        yield
        return
    from tests.remembered_faces import remembered

    with remembered():
        yield


@pytest.fixture
def make_clip(tmp_path: Path) -> ClipMaker:
    """Give a function that writes a video and returns its path."""

    def make(
        name: str = "clip.mp4",
        *,
        pts: Sequence[int] = tuple(range(0, 6 * 512, 512)),
        time_base: Fraction = Fraction(1, 12800),
        size: tuple[int, int] = (64, 48),
        pixel_format: str = "yuv420p",
        codec: str = "libx264",
        tags: tuple[int, int, int, int] = (2, 2, 2, 0),
        matrix: Sequence[int] | None = None,
        audio: str | None = None,
        sound_packets: int = 12,
        metadata: dict[str, str] | None = None,
        options: dict[str, str] | None = None,
        movflags: str = "",
    ) -> Path:
        path = tmp_path / name
        muxing = {"movflags": movflags} if movflags else {}
        if path.suffix in (".mp4", ".mov"):
            # By default a late start is rounded to milliseconds.
            muxing["movie_timescale"] = str(time_base.denominator)
        with av.open(str(path), "w", container_options=muxing) as container:
            container.metadata.update(metadata or {})
            video = container.add_stream(codec, rate=25, options=options or {})
            video.width, video.height = size
            video.pix_fmt = pixel_format
            video.codec_context.time_base = time_base
            video.color_primaries, video.color_trc, video.colorspace, video.color_range = tags
            video.set_display_matrix(matrix)
            sound = container.add_stream(audio, rate=44100) if audio else None
            for index, ticks in enumerate(pts):
                frame = av.VideoFrame.from_ndarray(picture(index, *size), format="rgb24")
                frame = frame.reformat(
                    format=pixel_format, dst_color_range=2 if tags[3] == 2 else 1, interpolation=0x46002
                )
                frame.pts, frame.time_base = ticks, time_base
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            if sound is not None:
                for index in range(sound_packets):
                    wave = np.sin(np.arange(1024) * (0.02 + index / 200)).astype(np.float32)
                    samples = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
                    samples.sample_rate, samples.pts = 44100, index * 1024
                    samples.time_base = Fraction(1, 44100)
                    container.mux(sound.encode(samples))
                container.mux(sound.encode(None))
        return path

    return make


@pytest.fixture
def shared() -> Path:
    """The folder of real samples beside the repository; tests that want it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip("the real samples (../shared/samples) are not here")
    return folder


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that drifts, see `tests.pipeline.moving_face`."""
    from tests.pipeline.moving_face import write_video

    return write_video(tmp_path_factory.mktemp("video") / "one.mp4")


@pytest.fixture(scope="session")
def couple(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of them."""
    from tests.pipeline.moving_face import write_video

    return write_video(tmp_path_factory.mktemp("video") / "two.mp4", people=2)

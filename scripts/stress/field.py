"""Kinds of faults that users of other tools reported, each with its right value: made, run, looked at.

A kind is one function in `FIELD`: it makes its input, runs a command on it, and says what is wrong,
or nothing.
"""

from __future__ import annotations

import itertools
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.packet import Packet
from PIL import Image, JpegImagePlugin

from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader

FRAMES = 4
CPU = ("--device", "cpu", "--adult-confirmed")
QUARTER = (0, -1 << 16, 0, 1 << 16, 0, 0, 0, 0, 1 << 30)
LATE = 43_200
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:rights>Anna Muster</dc:rights>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)


@dataclass(frozen=True)
class Bench:
    """Where a kind is tried: an empty folder, and a face, (H, W, 3) uint8 RGB with even sides."""

    at: Path
    face: np.ndarray

    def age(self, source: Path, output: str | Path, *more: str) -> tuple[int, str, Path]:
        """`age` on a photo or a video: exit code, what was said, and the output."""
        video = source.suffix.lower() not in (".jpg", ".png", ".tif", ".webp", ".bmp") or "%" in source.stem
        path = self.at / output
        arguments = ["age", "video" if video else "photo", str(source), "--to", "70", "-o", str(path)]
        code, said = run(self.at, [*arguments, *CPU, *more])
        return code, said, path

    def film(self, name: str, frames: Sequence[np.ndarray] | None = None, **how: object) -> Path:
        """A clip of the face; see `write_film`."""
        shown = frames or [np.roll(self.face, number, 1) for number in range(FRAMES)]
        return write_film(self.at / name, shown, **how)  # type: ignore[arg-type]


def run(at: Path, arguments: Sequence[str]) -> tuple[int, str]:
    """A command's exit code and what it said, in a fresh process: forks and the threads of looking go ill."""
    command = [sys.executable, "-m", "faceswap_cli", *arguments]
    done = subprocess.run(
        command, cwd=at, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False
    )
    return done.returncode, done.stdout.decode(errors="replace")


def write_film(
    path: Path,
    frames: Sequence[np.ndarray],
    matrix: Sequence[int] | None = None,
    aspect: Fraction | None = None,
    sound: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a clip; `sound` packets of it, if any."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", 25, options={"preset": "ultrafast", "g": "2", **(options or {})}
        )
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.set_display_matrix(matrix)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        voice = container.add_stream("aac", rate=44100) if sound else None
        for frame in frames:
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"))
            )
        container.mux(stream.encode(None))
        if voice is not None:
            for number in range(sound):
                wave = np.sin(np.arange(1024) * (0.02 + number / 300)).astype(np.float32)
                samples = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
                samples.sample_rate, samples.pts = 44100, number * 1024
                container.mux(voice.encode(samples))
            container.mux(voice.encode(None))
    return path


def moved(source: Path, output: Path, seconds: int) -> Path:
    """The same packets in another container, so many seconds later."""
    with av.open(str(source)) as old, av.open(str(output), "w") as new:
        copies = {s.index: new.add_stream_from_template(s, opaque=True) for s in old.streams}
        for packet in old.demux():
            if packet.size:
                ticks = round(seconds / packet.time_base)
                packet.pts = packet.pts + ticks
                packet.dts = packet.pts if packet.dts is None else packet.dts + ticks
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    return output


def sound_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def pictures_of(path: Path) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [frame.image for frame in reader]


def colours(bench: Bench, image: np.ndarray) -> float:
    """How far a picture is from the face it began as, in levels on average."""
    return float(np.abs(cv2.resize(image, bench.face.shape[1::-1]).astype(int) - bench.face).mean())


def numbered(bench: Bench) -> str | None:
    folder = bench.at / "in"
    folder.mkdir()
    for number in range(1, 4):
        cv2.imwrite(str(folder / f"shot_{number:04d}_1080p.png"), bench.face[..., ::-1])
    code, said, _ = bench.age(folder / "shot_%04d_1080p.png", "out/%05d.png")
    written = sorted(path.name for path in (bench.at / "out").glob("*.png"))
    return None if code == 0 and written == [f"{n:05d}.png" for n in (1, 2, 3)] else f"{written}: {said}"


def one_name_for_two(bench: Bench) -> str | None:
    folder = bench.at / "in"
    folder.mkdir()
    for name in ("a.jpg", "a.png"):
        cv2.imwrite(str(folder / name), bench.face[..., ::-1])
    code, said = run(bench.at, ["age", "video", str(folder), "--to", "70", "-o", str(bench.at / "out"), *CPU])
    return None if code == 1 and "would both become" in said else said


def turned(bench: Bench) -> str | None:
    film = bench.film("a.mp4", [np.rot90(bench.face, -1)] * FRAMES, matrix=QUARTER)
    for output in ("png/%d.png", "jpg/%d.jpg", "a.gif"):
        code, said, path = bench.age(film, output)
        [first, *_] = pictures_of(path.parent if "%" in output else path)
        if code or first.shape != bench.face.shape or colours(bench, first) > 25:
            return f"{output}: {first.shape}, {said}"
    return None


def wide_pixels(bench: Bench) -> str | None:
    code, said, path = bench.age(bench.film("a.mp4", aspect=Fraction(3, 2)), "a.gif")
    height, width = bench.face.shape[:2]
    size = pictures_of(path)[0].shape[1::-1]
    return None if code == 0 and size == (width * 3 // 2, height) else f"{size}, {said}"


def faulty_frame(bench: Bench) -> str | None:
    film = bench.film("a.mkv", [bench.face] * 12, sound=60)
    with av.open(str(film)) as container:
        hit = [bytes(packet) for packet in container.demux(video=0) if packet.size][5]
    data = film.read_bytes()
    place = data.index(hit[:200]) + 8
    film.write_bytes(data[:place] + bytes(100) + data[place + 100 :])
    code, said, path = bench.age(film, "out.mkv")
    return None if code == 0 and sound_of(path) == sound_of(film) else said


def late_clock(bench: Bench) -> str | None:
    film = moved(bench.film("a.mkv", sound=10, options={"bf": "0"}), bench.at / "late.ts", LATE)
    code, said, path = bench.age(film, "out.mp4")
    with av.open(str(path)) as container:
        seconds = (container.duration or 0) / av.time_base
    return None if code == 0 and seconds < 5 else f"{seconds} s: {said}"


def changing_size(bench: Bench) -> str | None:
    height, width = bench.face.shape[:2]
    sizes, path = [(width // 4 * 2, height // 4 * 2), (width, height)], bench.at / "a.webm"
    with av.open(str(path), "w") as container:
        stream, pts = container.add_stream("libvpx", rate=25), itertools.count()
        stream.width, stream.height, stream.pix_fmt = *sizes[0], "yuv420p"
        stream.time_base = Fraction(1, 25)
        container.start_encoding()
        for size in sizes:
            encoder = av.CodecContext.create("libvpx", "w")
            encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
            encoder.time_base = Fraction(1, 25)
            frames = []
            for _ in range(FRAMES):
                frame = av.VideoFrame.from_ndarray(cv2.resize(bench.face, size), format="rgb24")
                frame.pts, frame.time_base = next(pts), Fraction(1, 25)
                frames.append(frame.reformat(format="yuv420p"))
            for packet in [p for one in (*frames, None) for p in encoder.encode(one)]:
                packet.stream = stream
                container.mux_one(packet)
    code, said, out = bench.age(path, "out.mp4")
    info = probe(out)
    right = code == 0 and (info.width, info.height) == (width, height) and "change size" in said
    return None if right else f"{info.width} x {info.height}: {said}"


def straight_alpha(bench: Bench) -> str | None:
    clear = np.dstack([bench.face, np.full(bench.face.shape[:2], 255, np.uint8)])
    clear[:4, :4] = [222, 211, 194, 51]
    Image.fromarray(clear).save(bench.at / "a.tif")
    code, said, path = bench.age(bench.at / "a.tif", "b.tif", "--no-mark")
    with Image.open(path) as image:
        corner = np.asarray(image)[0, 0].tolist()
    return None if code == 0 and corner == [222, 211, 194, 51] else f"{corner}: {said}"


def metadata(bench: Bench) -> str | None:
    caption = b"\x1c\x02\x74\x00\x0bAnna Muster"
    iptc = b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(caption)) + caption
    segment = b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc
    how = {"quality": 90, "subsampling": 0, "dpi": (300, 300), "xmp": XMP.encode(), "extra": segment}
    Image.fromarray(bench.face).save(bench.at / "a.jpg", **how)
    code, said, path = bench.age(bench.at / "a.jpg", "b.jpg")
    data = path.read_bytes()
    with Image.open(path) as image:
        dpi, sampling = image.info.get("dpi"), JpegImagePlugin.get_sampling(image)
    wrong = [name for name, there in {
        "XMP": b"<dc:rights>Anna Muster" in data, "IPTC": caption in data, "DPI": dpi == (300, 300),
        "sampling": sampling == 0, "mark": data.count(b"DigitalSourceType") == 1,
    }.items() if not there]  # fmt: skip
    return None if code == 0 and not wrong else f"{wrong}: {said}"


def several_pictures(bench: Bench) -> str | None:
    face = Image.fromarray(bench.face)
    for name, what in (("a.webp", "2 pictures"), ("a.tif", "2 pages")):
        face.save(bench.at / name, save_all=True, append_images=[face.rotate(180)])
        code, said, path = bench.age(bench.at / name, "out.png")
        if code != 1 or what not in said or path.exists():
            return said
    return None


def percent(bench: Bench) -> str | None:
    code, said, path = bench.age(bench.film("50%discount.mp4"), "100%done.mp4")
    return None if code == 0 and path.is_file() else said


def no_text_in_names(bench: Bench) -> str | None:
    folder = bench.at / "in"
    folder.mkdir()
    strange = Path(os.fsdecode(os.fsencode(folder) + b"/b\xe9\xff.png"))
    cv2.imwrite(str(folder / "a.png"), bench.face[..., ::-1])
    strange.write_bytes((folder / "a.png").read_bytes())
    for _ in range(2):
        code, said = run(bench.at, ["extract", str(folder), "-o", str(bench.at / "faces"), *CPU])
        if code or "2 faces" not in said:
            return said
    return None


def letters_and_full_streams(bench: Bench) -> str | None:
    path = bench.at / "Привет.jpg"
    Image.fromarray(bench.face).save(path)
    command = [sys.executable, "-m", "faceswap_cli", "verify", str(path)]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    with (bench.at / "out.txt").open("wb") as out, Path("/dev/full").open("wb") as full:
        for stream, right in ((out, (0, 1)), (full, (1,))):
            done = subprocess.run(
                command, stdout=stream, stderr=subprocess.PIPE, env=environment, check=False
            )
            error = done.stderr.decode(errors="replace")
            if done.returncode not in right or "Traceback" in error or "Exception" in error:
                return error
    return None


def left_out(bench: Bench) -> str | None:
    folder = bench.at / "in"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), bench.face[..., ::-1])
    (folder / "b.dng").write_bytes(b"II*\0")
    (folder / "more").symlink_to(bench.at)
    code, said = run(bench.at, ["extract", str(folder), "-o", str(bench.at / "faces"), *CPU])
    right = code == 0 and "2 files left out" in said and "camera raw" in said and "a link" in said
    return None if right else said


def telemetry(bench: Bench) -> str | None:
    base, path = Fraction(1, 1000), bench.at / "a.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width = bench.face.shape[:2]
        video.pix_fmt = "yuv420p"
        data = container.add_data_stream("bin_data")
        data.time_base = base
        container.set_chapters(
            [{"id": 1, "start": 0, "end": 100, "time_base": base, "metadata": {"title": "x"}}]
        )
        for _ in range(FRAMES):
            container.mux(video.encode(av.VideoFrame.from_ndarray(bench.face, format="rgb24")))
        container.mux(video.encode(None))
        packet = Packet(b"the place and the speed")
        packet.pts = packet.dts = 0
        packet.duration, packet.time_base, packet.stream = 100, base, data
        container.mux(packet)
    code, said, out = bench.age(path, "out.mp4")
    return None if code == 0 and b"the place and the speed" in out.read_bytes() else said


def moved_source(bench: Bench) -> str | None:
    film = bench.film("a.mp4")
    run(bench.at, ["extract", str(film), "-o", str(bench.at / "faces"), *CPU])
    (bench.at / "elsewhere").mkdir()
    film = film.rename(bench.at / "elsewhere" / "b.mp4")
    code, said = run(bench.at, ["extract", str(film), "-o", str(bench.at / "faces"), *CPU])
    return None if code == 0 and f"{FRAMES} faces" in said and "nothing to do" in said else said


def long_names(bench: Bench) -> str | None:
    source = bench.at / ("a" * 246 + ".jpg")
    Image.fromarray(bench.face).save(source)
    code, said, path = bench.age(source, "b" * 251 + ".png")
    return None if code == 0 and path.is_file() else said


def dash(bench: Bench) -> str | None:
    film = bench.film("a.mp4")
    code, said = run(bench.at, ["age", "video", str(film), "--to", "70", "-o", "-", *CPU])
    return None if code == 1 and "standard output" in said and not (bench.at / "-").exists() else said


FIELD: dict[str, Callable[[Bench], str | None]] = {
    "numbers in names": numbered,
    "one name for two pictures": one_name_for_two,
    "turned clip": turned,
    "pixels not square": wide_pixels,
    "faulty frame and sound": faulty_frame,
    "late clock": late_clock,
    "changing size": changing_size,
    "straight alpha": straight_alpha,
    "photo metadata, sampling": metadata,
    "several pictures": several_pictures,
    "% in names": percent,
    "names of no text": no_text_in_names,
    "letters, full streams": letters_and_full_streams,
    "left out": left_out,
    "telemetry and chapters": telemetry,
    "moved source": moved_source,
    "long names": long_names,
    "-o -": dash,
}


def tried(scratch: Path, picture: Path) -> dict[str, str | None]:
    """What is wrong of each kind; None if nothing."""
    image = cv2.imread(str(picture))
    assert image is not None
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    face = np.ascontiguousarray(half[: half.shape[0] // 4 * 4, : half.shape[1] // 4 * 4, ::-1])
    outcomes: dict[str, str | None] = {}
    for number, (name, kind) in enumerate(FIELD.items()):
        at = scratch / str(number)
        at.mkdir(parents=True)
        try:
            outcomes[name] = kind(Bench(at, face))
        except Exception as error:  # what was to be looked at is not there, or is something else
            outcomes[name] = f"{type(error).__name__}: {error}"
        print(f"{name}: {'right' if outcomes[name] is None else 'LOST: ' + str(outcomes[name])}", flush=True)
    return outcomes

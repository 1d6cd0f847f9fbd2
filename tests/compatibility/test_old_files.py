"""What version 0.1 left on a disk goes on being of use: runs, models, face sets, unfinished work.

Those in `tests/data/written-by-0.1` were made by that version (`scripts/dev/make_old_files.py`). These tests
ask the command line alone, so they stay as they are when modules, classes or fields get other names.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import safetensors
import safetensors.torch

from tests.compatibility.old_files import HERE, ROW, block_means

TRAIN = ("--device", "cpu", "--threads", 1)
PLAIN = ("--device", "cpu", "--no-mark", "--adult-confirmed")


def facts(checkpoint: Path) -> dict[str, float]:
    with safetensors.safe_open(checkpoint, "pt") as file:
        return json.loads(file.metadata()["facts"])


def pictures(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def said(pattern: str, words: str) -> bool:
    """Whether the words, which may break anywhere, tell of something."""
    return re.search(pattern, " ".join(words.split()), re.IGNORECASE) is not None


def crops(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.jpg"))


def unlike(some: dict, others: dict) -> float:
    """Mean difference of each tensor from that of its shape which is most like it. Names don't count."""
    total, count = 0.0, 0
    for one in some.values():
        same = [other.double() for other in others.values() if other.shape == one.shape]
        total += min(float((one.double() - other).abs().sum()) for other in same)
        count += one.numel()
    return total / count


@pytest.mark.parametrize("model", ROW)
def test_a_model_draws_what_it_drew(faceswap, whole, tmp_path, model):
    """Runs of every family whose folder can be told by a table, the ageing run, and an exported model."""
    command = [word.replace(HERE, str(whole)) for word in ROW[model]]
    done = faceswap(*command, "-o", tmp_path / "out.png", *PLAIN)
    assert done.code == 0, done.err
    drawn = json.loads((whole / "drawn.json").read_text())
    photo, then, now = np.array(drawn["photo"]), np.array(drawn[model]), block_means(tmp_path / "out.png")
    changed = np.abs(then - photo).max(2) > 8
    assert changed.sum() >= 8
    if model == "age":
        # Its network is read as it was; what it says is carried to skin and hair in another way since then.
        assert np.abs(now - photo)[changed].mean() > 3
        return
    # Landmarks and masks may get better weights; another drawing would be off by what was changed.
    assert np.abs(now - then)[changed].mean() < 0.2 * np.abs(then - photo)[changed].mean()
    assert np.abs(now - then)[~changed].mean() < 1


def test_a_training_goes_on_to_what_it_would_have_come_to(faceswap, old, tmp_path):
    (begun,) = (old / "shared" / "checkpoints").iterdir()
    assert facts(begun)["step"] == 4
    before = {k: v for k, v in safetensors.torch.load_file(begun).items() if k.startswith("ema.")}
    people = ("-A", old / "man", "-B", old / "woman")
    done = faceswap("train", *people, "-m", old / "shared", "--steps", 8, *TRAIN)
    assert done.code == 0 and said(r"\bstep 4\b", done.err), done.err
    done = faceswap("models", "export", old / "shared", "-o", tmp_path / "model.safetensors")
    assert done.code == 0, done.err
    after = safetensors.torch.load_file(tmp_path / "model.safetensors")
    uninterrupted = safetensors.torch.load_file(old / "model.safetensors")
    assert unlike(after, uninterrupted) < 0.05 * unlike(before, uninterrupted)


@pytest.mark.parametrize("family", ["conditional", "gan"])
def test_a_conditional_training_goes_on(faceswap, old, family):
    people = ("-A", old / "man", "-B", old / "woman")
    done = faceswap("train", *people, "-m", old / family, "--steps", 5, "--measure-every", 0, *TRAIN)
    assert done.code == 0 and said(r"\bstep 4\b", done.err), done.err
    newest = sorted((old / family / "checkpoints").iterdir())[-1]
    assert facts(newest)["step"] == 5


def test_an_ageing_training_goes_on(faceswap, old):
    run = old / "age"
    done = faceswap("train", "-m", run, "-A", run / "faces", "--steps", 3, "--measure-every", 0, *TRAIN)
    assert done.code == 0 and said(r"\bstep 2\b", done.err), done.err
    assert facts(sorted((run / "checkpoints").iterdir())[-1])["step"] == 3


def test_what_a_run_and_a_model_hold_is_shown(faceswap, whole):
    for name in ("shared", "conditional", "gan", "model.safetensors"):
        done = faceswap("models", "show", whole / name)
        assert done.code == 0 and '"resolution": 32' in done.out, done.err
        assert "man" in done.out and "woman" in done.out


@pytest.mark.parametrize("model", ["shared", "model.safetensors"])
def test_a_model_knows_whom_to_replace(faceswap, whole, tmp_path, model):
    """By the descriptors in run.json and in the exported file: the man is replaced, the woman is not."""
    woman = cv2.imread(str(sorted((whole / "woman" / "crops").iterdir())[0]))
    cv2.imwrite(str(tmp_path / "woman.png"), cv2.resize(woman, (192, 192), interpolation=cv2.INTER_CUBIC))
    how = ("-m", whole / model, "-o", tmp_path / "out.png", *PLAIN)
    done = faceswap("convert", "photo", tmp_path / "woman.png", *how)
    assert done.code == 1 and not (tmp_path / "out.png").exists(), done.out
    done = faceswap("convert", "photo", whole / "photo.jpg", *how)
    assert done.code == 0, done.err
    changed = np.abs(block_means(tmp_path / "out.png") - block_means(whole / "photo.jpg")).max(2) > 8
    assert changed.sum() >= 8


def test_a_curated_face_set_is_read(faceswap, old, tmp_path):
    """Sorted files, a bin, a list, kept descriptors."""
    faces = old / "man"
    assert all("@" in name for name in crops(faces / "crops"))
    listed = (old / "list.txt").read_text().split()
    count = len(crops(faces / "crops"))
    done = faceswap("faces", "filter", faces, "--restore")
    assert done.code == 0 and len(crops(faces / "crops")) == count + 1, done.err
    done = faceswap("faces", "filter", faces, "--list", old / "list.txt")
    assert done.code == 0 and len(crops(faces / "crops")) == count, done.err
    done = faceswap("faces", "sort", faces, "--by", "time")
    assert done.code == 0 and not any("@" in name for name in crops(faces / "crops")), done.err
    assert not set(listed) & set(crops(faces / "crops"))
    done = faceswap("faces", "sheet", faces)
    assert done.code == 0 and (faces / "sheet.html").is_file(), done.err
    done = faceswap("faces", "group", faces, "-o", tmp_path / "people")
    assert done.code == 0, done.err
    assert len(crops(tmp_path / "people" / "person_1" / "crops")) == count


def test_an_unfinished_extract_goes_on(faceswap, old):
    """With the crops that are there, to the set that an uninterrupted one makes."""
    before = crops(old / "extract" / "crops")
    done = faceswap("extract", old / "clip.mp4", "-o", old / "extract", "--crop-size", 64, *TRAIN[:2])
    assert done.code == 0, done.err
    found = crops(old / "extract" / "crops")
    assert 0 < len(before) < len(found) == 40 and set(before) < set(found)
    for name in before:
        assert (old / "extract" / "crops" / name).stat().st_mtime == pytest.approx(1_700_000_000)
    again = faceswap("extract", old / "clip.mp4", "-o", old / "extract", "--crop-size", 64, *TRAIN[:2])
    assert again.code == 0 and crops(old / "extract" / "crops") == found, again.err


def test_an_unfinished_convert_goes_on_or_says_that_it_begins_anew(faceswap, old):
    (old / "convert").rename(old / ".out.mp4.faceswap")
    assert len(list((old / ".out.mp4.faceswap").glob("0*.nut"))) >= 2
    how = ("-m", old / "model.safetensors", "--all-faces", "--segment", 6, "--workers", 1)
    done = faceswap("convert", "video", old / "clip.mp4", "-o", old / "out.mp4", *how, *PLAIN)
    assert done.code == 0, done.err
    assert said(r"going on|resum|continu|thrown away|discarded|anew", done.err)
    assert not list(old.glob(".out.mp4*"))
    source, made = pictures(old / "clip.mp4"), pictures(old / "out.mp4")
    assert len(made) == len(source) == 40
    change = np.abs(made.astype(int) - source).max((1, 2, 3))
    assert (change > 40).all()  # every frame has its face, those of before and those of now
    steps = np.abs(np.diff(made.astype(int), axis=0)).mean((1, 2, 3))
    assert steps.max() < 4 * np.median(steps) + 1  # and one is like the next where they were joined

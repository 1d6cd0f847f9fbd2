"""Looking at an aged video before it is made: the same code as for swaps, another effect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceswap_cli.effects.ageing.effect import AgeEffect
from faceswap_cli.effects.ageing.request import AgeRequest
from faceswap_cli.errors import Refusal
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.media.probe import probe
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.dry_run import run_trial
from faceswap_cli.pipeline.preview import Preview, choose_faces, prepare_preview
from faceswap_cli.pipeline.preview_clips import PreviewClip, preview_clips
from tests.pipeline import moving_face as mf
from tests.pipeline.ager import AGER, GROWN_UP, Guess


def ageing() -> AgeEffect:
    return AgeEffect(AGER, AgeRequest(to=70.0), Guess(GROWN_UP))


@pytest.fixture
def seen(video: Path) -> list[PreviewClip]:
    return list(preview_clips(probe(video), mf.fake_stage(), 2))


def look(video: Path, seen: list[PreviewClip], guard: SafetyGuard | None = None) -> Preview:
    plan = SwapPlan((SwapTarget(None),), guard=guard)
    return prepare_preview(choose_faces(probe(video), seen, plan), ageing())


def test_a_moment_is_aged_inside_its_mask_only(video: Path, seen: list[PreviewClip]) -> None:
    preview = look(video, seen)
    assert preview.notes and all("looks 30, becomes 70" in line for line in preview.notes)
    for clip in preview.clips:
        aged, mask = preview.render(clip)
        original = clip.frames[clip.middle].image
        assert mask.max() == 255
        assert np.array_equal(aged[mask == 0], original[mask == 0])
        assert (aged.astype(int) - original)[mask > 250].mean() > 10


def test_a_trial_says_who_is_aged(video: Path, seen: list[PreviewClip]) -> None:
    tried = run_trial(probe(video), look(video, seen), 1.0, mf.options().pipeline)
    assert (tried.looked, tried.replaced) == (2, 2) and tried.draw > 0


def test_children_are_refused_before_the_work(video: Path, seen: list[PreviewClip]) -> None:
    with pytest.raises(Refusal, match="child"):
        look(video, seen, mf.SeesChildren())

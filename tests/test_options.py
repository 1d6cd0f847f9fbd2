"""Options that are declared once: what they allow, and what depends on them."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from faceswap_cli.cli.age_load import LOADERS, MethodOptions
from faceswap_cli.cli.convert_assignment import DrawnOptions
from faceswap_cli.cli.convert_executor import ExecutorOptions
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.options import DetectionOptions, PeopleOptions, SafetyOptions, TrialOptions
from faceswap_cli.cli.train import TrainDeviceOptions
from faceswap_cli.compositing.blend import BLENDS
from faceswap_cli.compositing.colour import COLOUR
from faceswap_cli.compositing.keep_parts import PARTS
from faceswap_cli.effects.ageing.effect import AgeEffect
from faceswap_cli.effects.ageing.request import AgeRequest
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.reenact.effect import ReenactEffect
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.extract_options import ExtractOptions
from faceswap_cli.media.encode_options import PRESETS, EncodeRequest
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.networks.swap.liae import LiaeConfig
from faceswap_cli.options import (
    GROUPS,
    OptionGroup,
    check_values,
    declared_options,
    describe_allowed,
    flags_of,
    is_allowed,
    option,
    with_default,
)
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.training.options import (
    BudgetOptions,
    DataOptions,
    MonitorOptions,
    PresetOptions,
    SessionOptions,
)
from faceswap_cli.training.runs.settings import AgeSettings, SwapSettings

GROUPS_OF_OPTIONS = (
    *(AgeRequest, DetectionOptions, DrawnOptions, EffectOptions, EncodeRequest, ExecutorOptions),
    *(ExtractOptions, MarkOptions, MethodOptions, PeopleOptions, PipelineOptions, SafetyOptions),
    *(ReenactOptions, SwapOptions, TrialOptions),
    *(BudgetOptions, DataOptions, MonitorOptions, PresetOptions, SessionOptions, TrainDeviceOptions),
    *(AgeSettings, SwapSettings),
)


def declarations() -> list[Any]:
    return [
        pytest.param(kind, own, declared, id=f"{kind.__name__}.{own.name}")
        for kind in GROUPS_OF_OPTIONS
        for own, declared in declared_options(kind)
    ]


@pytest.mark.parametrize(("kind", "own", "declared"), declarations())
def test_an_option_is_explained_and_its_default_is_allowed(kind, own, declared) -> None:
    assert declared.help.endswith((".", "]")) and declared.group in GROUPS
    assert is_allowed(declared, own.default)
    assert declared.minimum is None or declared.maximum is None or declared.minimum < declared.maximum


@pytest.mark.parametrize(("kind", "own", "declared"), declarations())
def test_what_is_not_allowed_is_refused_by_name(kind, own, declared) -> None:
    wrong: list[Any] = ["nonsense"] if declared.choices else []
    wrong += [] if declared.minimum is None else [declared.minimum - 1, math.nan]
    wrong += [] if declared.maximum is None else [declared.maximum + 1, math.inf]
    for value in wrong:
        with pytest.raises(UserError, match="can't be used") as raised:
            check_values(kind(**{own.name: value}))
        flag = max(flags_of(own, declared), key=len)
        assert str(raised.value).startswith(f"{flag} {value} ") and raised.value.hint


@dataclasses.dataclass(frozen=True)
class Sample(OptionGroup):
    least: int = option(1, minimum=1)
    most: float = option(0.0, maximum=2.5)
    words: tuple[str, ...] = option((), choices=("a", "b"))
    any_number: float = option(0.0)
    count: int = option(3, 1, 9, word="auto")
    plain: float = math.nan


@dataclasses.dataclass(frozen=True)
class OtherSample(Sample):
    least: int = with_default(Sample, "least", 5)
    most: float = 9.0  # no option any more


def test_limits_in_words() -> None:
    words = [describe_allowed(declared) for _, declared in declared_options(Sample)]
    assert words == ["1 or more", "2.5 or less", "one of a, b", "a number", "auto, or 1 to 9"]
    assert [describe_allowed(d) for own, d in declared_options(SwapOptions) if own.name == "erode"] == [
        "-0.2 to 0.4"
    ]


def test_another_default_needs_no_other_declaration() -> None:
    (least, *_), (other, *rest) = declared_options(Sample), declared_options(OtherSample())
    assert other[1] is least[1] and (least[0].default, other[0].default) == (1, 5)
    assert "most" not in {own.name for own, _ in rest}
    with pytest.raises(UserError, match="--least 0"):
        OtherSample(least=0).check()


def test_each_word_of_several_is_looked_at_and_what_is_not_declared_is_not() -> None:
    Sample(words=("a", "b", "a")).check()
    Sample(count="auto").check()  # type: ignore[arg-type]
    for wrong in ({"words": ("a", "c")}, {"any_number": math.inf}, {"least": 0}, {"most": 3}):
        with pytest.raises(UserError):
            Sample(**wrong).check()


def test_choices_are_what_there_is() -> None:
    choices = {
        (kind, own.name): declared.choices
        for kind in (SwapOptions, MethodOptions, EncodeRequest)
        for own, declared in declared_options(kind)
    }
    for name, table in (("colour", COLOUR), ("blend", BLENDS), ("keep", PARTS)):
        assert set(choices[SwapOptions, name]) == set(table)
    assert choices[MethodOptions, "method"] == tuple(LOADERS)
    assert choices[EncodeRequest, "preset"] == PRESETS


def test_a_familys_options_are_declared_the_same_way() -> None:
    with pytest.raises(ValueError, match="residuals 9 can't be: it takes 0 to 4"):
        LiaeConfig(residuals=9)


def others(options: Any) -> list[Any]:
    """The options with one field changed, for each field."""
    declared = {own.name: one for own, one in declared_options(options)}

    def other(name: str) -> Any:
        value = getattr(options, name)
        if name in declared and declared[name].choices:
            return declared[name].choices[-1]
        return "hull" if isinstance(value, str) else value + 1 if type(value) is int else value / 2 + 0.1

    fields = dataclasses.fields(options)
    return [dataclasses.replace(options, **{own.name: other(own.name)}) for own in fields]


def test_every_setting_of_a_swap_is_in_its_fingerprint() -> None:
    swaps = [SwapOptions(), *others(SwapOptions())]
    keys = {repr(SwapEffect((), options).cache_key) for options in swaps}
    assert len(keys) == len(swaps)
    photos = [ReenactOptions(), *others(ReenactOptions())]
    assert len({repr(ReenactEffect((), options).cache_key) for options in photos}) == len(photos)


def test_a_swaps_settings_are_in_no_ageing_fingerprint() -> None:
    own = {one.name for one in dataclasses.fields(SwapOptions)} - {
        one.name for one in dataclasses.fields(EffectOptions)
    }
    assert "feather" in own
    kinds = (AgeRequest, EffectOptions, PipelineOptions, EncodeOptions)
    assert not own & {one.name for kind in kinds for one in dataclasses.fields(kind)}
    assert AgeEffect.__dataclass_fields__["options"].default_factory is EffectOptions


def test_every_setting_of_the_output_is_in_the_pipelines_fingerprint() -> None:
    usual = PipelineOptions()
    settings = usual.settings()
    declared = {own.name for own, d in declared_options(PipelineOptions) if d.medium != "photo"}
    assert declared <= settings.keys()
    assert settings["encode"].keys() == {own.name for own, _ in declared_options(EncodeRequest)}
    assert dataclasses.replace(usual, frames="3-7").settings() != settings
    crisp = dataclasses.replace(usual, encode=EncodeOptions(crf=3))
    assert crisp.settings() != settings

"""Settings of a conversion that are varied, to be compared side by side."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.errors import UserError

Options = TypeVar("Options", bound=EffectOptions)

MOST_SETTINGS = 24
"""Rows of a sheet that compares settings, at most."""

_NO_LOOK = frozenset({"batch"})
"""Settings that don't change a picture's look."""


def setting_variants(texts: Sequence[str], options: Options) -> Iterator[tuple[str, Options]]:
    """Every combination of settings that are varied.

    Args:
        texts: each FIELD=VALUE,VALUE,...; fields of the options.
        options: all other settings.

    Yields:
        What to call a combination, and its settings.

    Raises:
        UserError: a field or a value can't be, or there are too many combinations.
    """
    varied = [_varied(text, options) for text in texts]
    names = [name for name, _ in varied]
    if len(set(names)) < len(names):
        raise UserError("--vary names a setting twice", "Give all its values at once: colour=rct,lct")
    combined = list(itertools.product(*(values for _, values in varied)))
    if len(combined) > MOST_SETTINGS:
        raise UserError(
            f"--vary makes {len(combined)} combinations, too many for one sheet", f"At most {MOST_SETTINGS}"
        )
    for values in combined:
        chosen = dataclasses.replace(options, **dict(zip(names, values, strict=True)))
        chosen.check()
        yield "  ".join(f"{name} {value}" for name, value in zip(names, values, strict=True)), chosen


def _varied(text: str, options: EffectOptions) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    kinds = {f.name: type(f.default) for f in dataclasses.fields(options) if f.name not in _NO_LOOK}
    if not equals or name not in kinds:
        known = ", ".join(kinds)
        raise UserError(f"--vary {text} is not SETTING=VALUE,VALUE", f"SETTING is one of {known}")
    return name, [_value(value.strip(), kinds[name], text) for value in values.split(",")]


def _value(text: str, kind: type, whole: str) -> Any:
    """A value as the setting's own type."""
    if kind is bool:
        if text in ("on", "off"):
            return text == "on"
        raise UserError(f"--vary {whole}: {text or 'nothing'} is neither on nor off", "For example on,off")
    try:
        return kind(text)
    except ValueError as error:
        raise UserError(f"--vary {whole}: {text or 'nothing'} is no number", "For example 0,0.5,1") from error

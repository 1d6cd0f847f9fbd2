"""Going on with a run under other options: which may change, and a record of those that did.

A run is what its seed, network and people make it; those stay. How fast it learns and how much it looks at in
a step may change at any step. The record in `run.json` says from which step on, so that the same changes at
the same steps give the same weights again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, fields, replace
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.family import Family
from faceswap_cli.training.runs.folder import Run, amend_run
from faceswap_cli.training.runs.settings import TrainSettings, check_parts

CHANGEABLE = ("batch", "learning_rate", "accumulate")
"""Settings that may differ from one start to the next. Budget, device and intervals are not kept at all."""

NETWORK = "network."


def check_settings(family: Family, run: Run, asked: TrainSettings, explicit: Collection[str]) -> None:
    """Refuse what can't change in mid-run.

    Args:
        family: of the run.
        run: as it was begun.
        asked: what the command line would make of a new run.
        explicit: names of the options the user gave himself.

    Raises:
        UserError: names what differs.
    """
    told = []
    for name in differences(family, run.settings, asked):
        option = name.removeprefix(NETWORK)
        # --size stands for the network's options, apart from one that was given its own value.
        of_size = "size" in explicit and name.startswith(NETWORK) and option != "resolution"
        if (option in explicit or of_size) and name not in CHANGEABLE:
            before, after = (_value(family, settings, name) for settings in (run.settings, asked))
            told.append(f"{option} {_named(before)}, not {_named(after)}")
    if told:
        raise UserError(
            f"{run.path} was begun with other settings ({'; '.join(sorted(told))})",
            "These can't change in mid-run: leave the options out to go on, or choose a new run folder",
        )


def apply_setting_changes(
    family: Family,
    run: Run,
    asked: TrainSettings,
    explicit: Collection[str],
    trainer: Trainer,
    say: Callable[[str], None],
    record: bool = True,
) -> Run:
    """Let a run go on with the changed options, from the trainer's step on; say and record it.

    Args:
        family: of the run.
        run: as it was begun.
        asked: what the command line would make of a new run.
        explicit: names of the options the user gave himself.
        trainer: at the step from which on they hold.
        say: called with a line for each change.
        record: whether to write it into run.json; of several processes one does.

    Raises:
        UserError: run.json can't be written, or the batch does not fall into equal parts.
    """
    changed = {
        name: [getattr(run.settings, name), getattr(asked, name)]
        for name in differences(family, run.settings, asked)
        if name in CHANGEABLE and name in explicit
    }
    settings = replace(run.settings, **{name: values[1] for name, values in changed.items()})
    check_parts(settings, trainer.team.count)
    if not changed:
        return run
    if record:
        run = amend_run(run, {"step": trainer.step, "changed": changed}, settings)
    else:
        run = replace(run, settings=settings)
    trainer.settings = settings
    for name, (before, after) in changed.items():
        say(f"{name.replace('_', ' ')}: {before:g} -> {after:g} from step {trainer.step} on")
    return run


def differences(family: Family, saved: TrainSettings, asked: TrainSettings) -> list[str]:
    """Names of the fields in which two settings differ, network options by their own names.

    Args:
        family: of the saved ones.
        saved, asked: two settings, perhaps of different families.
    """
    # An option that came later stood at its default.
    of_saved = {**asdict(family.config()), **saved.network}
    found = [f"{NETWORK}{k}" for k in asked.network if _plain(of_saved.get(k)) != _plain(asked.network[k])]
    names = [f.name for f in fields(asked) if f.name != "network"]
    return found + [name for name in names if getattr(saved, name, None) != getattr(asked, name)]


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value


def _value(family: Family, settings: TrainSettings, name: str) -> Any:
    if not name.startswith(NETWORK):
        return getattr(settings, name, None)
    option = name.removeprefix(NETWORK)
    return settings.network.get(option, getattr(family.config, option, None))


def _named(value: Any) -> str:
    """A value for a person: an empty name is none."""
    return "none" if value == "" else str(value)

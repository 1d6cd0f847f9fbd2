"""What ages faces, and whose, as the options of `faceswap age` say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console

if TYPE_CHECKING:
    from faceswap_cli.compositing.ageing import Brush
    from faceswap_cli.compositing.who import Cast
    from faceswap_cli.faces.stage import FaceStage


class Method(StrEnum):
    """Ways to age; see `load_brush`."""

    network = "network"


WEIGHTS = "ageing"
"""The ageing network's folder in `models/`."""


def load_brush(method: Method, device: str, strength: float) -> Brush:
    """What changes faces, with its networks loaded.

    Raises:
        UserError: weights are missing or damaged; the device is not here.
    """
    from faceswap_cli import zoo
    from faceswap_cli.compositing.ageing import Brush
    from faceswap_cli.device import pick_device
    from faceswap_cli.faces.parsing import FaceParser
    from faceswap_cli.networks.ageing import build

    assert method is Method.network
    where = str(pick_device(device))
    ager = zoo.shared_network(WEIGHTS, build, where)
    parser = FaceParser(where)
    parser.load()
    return Brush(ager, parser, str(zoo.card(WEIGHTS).facts["sha256"]), where, strength)


def load_people(
    only: Sequence[Path], without: Sequence[Path], threshold: float, stage: Callable[[], FaceStage]
) -> Cast:
    """Whose faces are aged.

    Args:
        only: photos or face sets of people who are; none is everybody.
        without: of people who are not.
        threshold: identity distance up to which a face is taken for a person's.
        stage: makes what finds faces on photos.

    Raises:
        UserError: a photo or face set can't be used.
    """
    from faceswap_cli.compositing.who import Cast, Role
    from faceswap_cli.faces.identity import IdentityEncoder
    from faceswap_cli.faces.people import read_person

    if not (only or without):
        return Cast([Role(None)])
    finder, encoder, notes = stage(), IdentityEncoder(), list[str]()
    wanted, unwanted = (
        [read_person(path, option, finder, encoder, notes) for path in paths]
        for option, paths in (("only", only), ("not", without))
    )
    for note in notes:
        console.warn(note)
    return Cast([Role(None, person) for person in wanted] or [Role(None)], unwanted, threshold)

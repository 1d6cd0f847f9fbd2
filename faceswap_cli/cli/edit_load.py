"""What edits faces, as the options of `faceswap edit` and `faceswap live` say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faceswap_cli.effects.edit.request import EditRequest
from faceswap_cli.effects.options import EffectOptions

if TYPE_CHECKING:
    from faceswap_cli.effects.edit.effect import EditEffect


def load_edit_effect(
    request: EditRequest, device: str, options: EffectOptions | None = None, also: tuple[str, ...] = ()
) -> tuple[EditEffect, str]:
    """What edits faces, with what says where their parts are loaded, and a checksum of that.

    Args:
        request: what is asked for.
        device: a `--device` value.
        options: of all effects.
        also: names of features that are read besides those asked for.
    """
    from faceswap_cli.device import pick_device
    from faceswap_cli.effects.edit.effect import EditEffect
    from faceswap_cli.faces.parsing.face_parser import FaceParser

    parser = FaceParser(str(pick_device(device)))
    parser.load()
    return EditEffect(request, parser, options or EffectOptions(), also=also), parser.mark

"""Control over what is drawn, of renderers that can be told: expression and turn of the head."""

from __future__ import annotations

from faceswap_cli.compositing.options import ConvertOptions
from faceswap_cli.compositing.who import Cast
from faceswap_cli.errors import UserError
from faceswap_cli.networks.conditional import ConditionalRenderer
from faceswap_cli.networks.renderer import Renderer


def steered(renderer: Renderer, options: ConvertOptions) -> Renderer:
    """The renderer under the control that is asked for.

    Raises:
        UserError: it can't be steered, and should be.
    """
    if (options.expression, options.yaw) == (1.0, 0.0):
        return renderer
    if not isinstance(renderer, ConditionalRenderer):
        raise UserError(
            "--expression and --yaw need a conditional model, which this is not",
            "Leave them out, or convert with -m conditional --face PHOTO",
        )
    return renderer.under(options.expression, options.yaw)


def check_steered(cast: Cast, options: ConvertOptions) -> None:
    """Raise a UserError if the control that is asked for is none that everybody who draws can be given."""
    for role in cast.roles:
        if role.renderer is not None:
            steered(role.renderer, options)

"""What is to be changed of faces, as a user says it."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.effects.edit.features import Value, read_settings
from faceswap_cli.errors import UserError
from faceswap_cli.options import LOOK, OptionGroup, option


@dataclass(frozen=True)
class EditRequest(OptionGroup):
    """What is to be changed, and how much of it."""

    set: tuple[str, ...] = option(
        (), group=LOOK, metavar="NAME=VALUE",
        help="What a feature becomes, as in --set smile=.6 or --set hair=auburn; `faceswap edit list` names "
        "them all. May be repeated. emotion=happy, sad, angry, surprised or calm is a bundle of shapes.",
    )  # fmt: skip
    strength: float = option(
        1.0, 0.0, 1.5, group=LOOK, help="How much of the change is made; above 1 it is overdone."
    )

    @property
    def wanted(self) -> dict[str, Value]:
        """What each feature becomes.

        Raises:
            UserError: a name or value is unknown.
        """
        return read_settings(self.set)

    def check(self) -> None:
        """Raise a UserError for what can't be."""
        super().check()
        if not self.wanted:
            raise UserError("it is not said what is to be changed", "Give --set smile=.6, or another feature")

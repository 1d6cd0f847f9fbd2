"""How outputs are marked, as the options of every command that changes or makes a face say it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.options import MARKS, OptionGroup, option
from faceswap_cli.provenance.label_corner import Corner

if TYPE_CHECKING:
    from faceswap_cli.provenance.marks import Kind, Marks

UNMARKED = (
    "--no-mark: the result carries no mark. Say yourself that it is made; in the EU the AI Act asks for it "
    "(Article 50)"
)


@dataclass(frozen=True)
class MarkOptions(OptionGroup):
    """The marks of an output."""

    label: bool | None = option(
        None, group=MARKS, flags=("--label/--no-label",),
        help='Draw a small "AI-altered" into a corner, never over a face. [default: --label for videos, '
        "--no-label for photos]",
    )  # fmt: skip
    label_corner: str = option(
        Corner.LOWER_RIGHT.value, group=MARKS, choices=tuple(corner.value for corner in Corner),
        help="Where the label stands. Where a face would be under it, it takes a free corner.",
    )  # fmt: skip
    no_mark: bool = option(
        False, group=MARKS,
        help="Leave out the watermark, the words in the file and the signature, and the label unless --label "
        "asks for it. You then have to say yourself that the result is made.",
    )  # fmt: skip
    sidecar: bool = option(
        False, group=MARKS,
        help="Also write OUT.json: what was done, by which model and which versions; no paths.",
    )  # fmt: skip
    cert: Path | None = option(
        None, group=MARKS, metavar="PEM",
        help="Sign with this certificate and the issuers behind it, instead of this installation's own "
        "(needs the extra c2pa; docs/provenance.md).",
    )  # fmt: skip
    key: Path | None = option(
        None, group=MARKS, metavar="PEM", help="The private key of --cert, without a password."
    )

    def build_marks(self, kind: Kind, model: str, label: bool) -> Marks:
        """The marks that the options ask for; warns if there are none.

        Args:
            kind: what the command does.
            model: a checksum of what does it.
            label: whether there is a label where nothing is said of it.

        Raises:
            UserError: the key can't be used.
        """
        from faceswap_cli.provenance.credentials import find_signer
        from faceswap_cli.provenance.marks import Marks

        shown = (label and not self.no_mark) if self.label is None else self.label
        corner = Corner(self.label_corner)
        if self.no_mark:
            console.warn(UNMARKED)
            return Marks(kind, model, hidden=False, label=shown, corner=corner)
        signer = find_signer(self.cert, self.key)
        return Marks(kind, model, label=shown, corner=corner, signer=signer)

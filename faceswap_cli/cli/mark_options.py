"""How outputs are marked, as the options of every command that changes or makes a face say it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.provenance.corner import Corner

if TYPE_CHECKING:
    from faceswap_cli.provenance.marks import Kind, Marks

NoMarkOption = Annotated[
    bool,
    typer.Option(
        "--no-mark",
        help="Leave out the watermark, the words in the file and the signature, and the label unless --label "
        "asks for it. You then have to say yourself that the result is made.",
    ),
]
VideoLabelOption = Annotated[
    bool | None,
    typer.Option(
        "--label/--no-label",
        help='Draw a small "AI-altered" into a corner, never over a face. [default: --label]',
        show_default=False,
    ),
]
PhotoLabelOption = Annotated[
    bool | None,
    typer.Option(
        "--label/--no-label",
        help='Draw a small "AI-altered" into a corner, never over a face. [default: --no-label]',
        show_default=False,
    ),
]
CornerOption = Annotated[
    Corner,
    typer.Option(
        "--label-corner",
        help="Where the label stands. Where a face would be under it, it takes a free corner.",
    ),
]
SidecarOption = Annotated[
    bool,
    typer.Option(
        "--sidecar", help="Also write OUT.json: what was done, by which model and which versions; no paths."
    ),
]
CertOption = Annotated[
    Path | None,
    typer.Option(
        "--cert",
        metavar="PEM",
        help="Sign with this certificate and the issuers behind it, instead of this installation's own "
        "(needs the extra c2pa; docs/provenance.md).",
    ),
]
KeyOption = Annotated[
    Path | None, typer.Option("--key", metavar="PEM", help="The private key of --cert, without a password.")
]

UNMARKED = (
    "--no-mark: the result carries no mark. Say yourself that it is made; in the EU the AI Act asks for it "
    "(Article 50)"
)


def marks_for(
    kind: Kind,
    model: str,
    no_mark: bool,
    label: bool,
    corner: Corner,
    certificate: Path | None,
    key: Path | None,
) -> Marks:
    """The marks that the options ask for; warns if there are none.

    Args:
        kind: what the command does.
        model: a checksum of what does it.
        no_mark: see NoMarkOption.
        label: see the label options, with the command's default put in.
        corner: see CornerOption.
        certificate: see CertOption.
        key: see KeyOption.

    Raises:
        UserError: the key can't be used.
    """
    from faceswap_cli.provenance.credentials import find_signer
    from faceswap_cli.provenance.marks import Marks

    if no_mark:
        console.warn(UNMARKED)
        return Marks(kind, model, hidden=False, label=label, corner=corner)
    return Marks(kind, model, label=label, corner=corner, signer=find_signer(certificate, key))

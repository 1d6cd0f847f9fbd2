"""`faceswap verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.provenance.credentials import Credentials
    from faceswap_cli.provenance.verify import Report, Watermark

app = new_app()

NOTHING = "The absence of a mark proves nothing: marks can be taken away, and most tools make none."


@app.command("verify", example="faceswap verify swapped.mp4")
def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Photos and videos.")],
    trust: Annotated[
        Path | None,
        typer.Option(
            metavar="PEM",
            help="Certificates of those who are trusted to vouch for signers. [default: nobody]",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON list instead, one object for each file.")
    ] = False,
) -> None:
    """Say which marks of AI a file carries: words in the file, watermark, Content Credentials.

    Exit code 0: every file is marked; 1: one is not, or can't be read.
    """
    from faceswap_cli.provenance.verify import verify as look

    anchors = _anchors(trust)
    said: list[dict[str, object]] = []
    marked = 0
    for file in files:
        try:
            report = look(file, anchors)
        except UserError as error:
            line = " ".join(str(error).split())
            said.append({"file": str(file), "marked": None, "error": line})
            if not as_json:
                console.fail(line)
            continue
        marked += report.marked
        said.append(report.plain())
        if not as_json:
            _show(report)
    if as_json:
        typer.echo(json.dumps(said, indent=2))
    elif any(one["marked"] is False for one in said):
        console.say(NOTHING)
    if marked < len(files):
        raise typer.Exit(1)


def _anchors(trust: Path | None) -> str:
    from faceswap_cli.media.open import check_readable

    if trust is None:
        return ""
    check_readable(trust)
    text = trust.read_bytes().decode("ascii", "replace")
    if "BEGIN CERTIFICATE" not in text:
        raise UserError(
            f"{trust} holds no certificate in PEM", "Give a file that begins with BEGIN CERTIFICATE"
        )
    return text


def _show(report: Report) -> None:
    console.say(f"{report.file}: {'marked' if report.marked else 'no mark found'}")
    metadata = (
        f"present: {report.metadata} (anybody can write or delete it)" if report.metadata else "missing"
    )
    console.say(f"  metadata             {metadata}")
    console.say(f"  watermark            {_watermark(report.watermark)}")
    console.say(f"  content credentials  {_credentials(report.credentials)}")


def _watermark(found: Watermark) -> str:
    height = f"{found.certainty} deviations over chance in {found.looked_at}"
    if found.former:
        height += "; as versions before wrote it"
    if found.state == "valid":
        model = "" if found.model == "000" else f", by a model whose checksum begins like {found.model}"
        return f"valid: {found.kind}{model} ({height})"
    if found.state == "unreadable":
        return f"present, but its message can't be read, as when two lie over each other ({height})"
    if found.looked_at.startswith("one picture"):
        return f"missing (looked at {found.looked_at}; of a video's frame alone it may not be readable)"
    return f"missing (looked at {found.looked_at})"


def _credentials(found: Credentials) -> str:
    from faceswap_cli.provenance.credentials import EXTRA

    who = f"signed by {found.signer}" if found.signer else "signed"
    done = ", ".join(found.actions)
    return {
        "missing": "missing",
        "unread": f"not looked for: pip install '{EXTRA}'",
        "unknown": "missing (this kind of file is not looked into)",
        "invalid": f"invalid: file or statement were changed after signing ({found.reason})",
        "valid": f"valid, but not trusted: unchanged since it was {who}, for whom nobody vouches; {done}",
        "trusted": f"trusted: unchanged since it was {who}; {done}",
    }[found.state]

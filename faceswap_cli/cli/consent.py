"""What is said once, on the first use: whose faces may be used. Nobody is asked anything."""

from __future__ import annotations

from faceswap_cli.cli import console
from faceswap_cli.files import user_folder

NOTICE = (
    "Use faceswap on footage of people who agreed to it, and say that the result is made. Faces that look "
    "like a child's are refused (docs/safety.md says how surely). This is said once."
)

MARKER = "notice-shown"


def tell_consent() -> None:
    """Say it, unless it was said before. Where that can't be remembered nothing is said: scripts run too."""
    marker = user_folder() / MARKER
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.open("x").close()
    except OSError:
        return
    console.tell(NOTICE)

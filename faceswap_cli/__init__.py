"""faceswap: extract, train, convert. Faces swapped in photos and video, by commands or from Python."""

from typing import TYPE_CHECKING, Any

from faceswap_cli.version import __version__

if TYPE_CHECKING:
    from faceswap_cli.api import (
        age_photo,
        age_video,
        convert_photo,
        convert_video,
        edit_photo,
        edit_video,
        extract,
        train,
    )
    from faceswap_cli.errors import Refusal, UserError

__all__ = [
    "Refusal", "UserError", "__version__",
    "age_photo", "age_video", "convert_photo", "convert_video", "edit_photo", "edit_video",
    "extract", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load what is asked for: the command line must begin without the heavy libraries."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from faceswap_cli import api, errors

    return getattr(errors if name in ("Refusal", "UserError") else api, name)


def __dir__() -> list[str]:
    """What is for users, which is not loaded yet."""
    return list(__all__)

"""How a camera's picture is changed while it comes."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.errors import UserError
from faceswap_cli.options import DEVICE, INPUT, LOOK, TIME, OptionGroup, option

WHEN_LOST = ("blur", "hold", "black", "pass")


@dataclass(frozen=True)
class LiveOptions(OptionGroup):
    """See `session`."""

    when_lost: str = option(
        "blur", group=LOOK, choices=WHEN_LOST,
        help="What is shown from the first frame until a face is held, and whenever it is lost, unsure or "
        "too small: blur (the whole picture), hold (the last drawn one), black, or pass (the camera's own).",
    )  # fmt: skip
    delay: float = option(
        0.0, 0.0, 2.0, group=TIME, metavar="SECONDS",
        help="Show the picture so much later, and steady the face by what comes after, too.",
    )  # fmt: skip
    quality: str = option(
        "auto", group=DEVICE, choices=("auto", "high", "medium", "low"),
        help="How much work is made of a frame. auto: begin at high, and lower it where the machine is too "
        "slow for 15 frames a second, and say so.",
    )  # fmt: skip
    mirror: bool = option(False, group=INPUT, help="Show the camera's picture as a mirror does.")
    size: str = option(
        "640x360", group=INPUT, metavar="WxH",
        help="Size asked of a camera. A clip's picture is shrunk to fit into it.",
    )  # fmt: skip
    fps: float = option(30.0, 1.0, 240.0, group=INPUT, help="Frames a second asked of a camera.")
    port: int = option(0, 0, 65535, group=INPUT, help="Port of the web page. [default: 0: any that is free]")
    seconds: float = option(
        0.0, 0.0, group=INPUT, help="End after so many seconds. [default: 0: at the clip's end, or never]"
    )
    stats: bool = option(
        False, group=INPUT, help="At the end, also say frames a second, dropped frames, and latency by stage."
    )

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height.

        Raises:
            UserError: the text is no size.
        """
        width, _, height = self.size.lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and 64 <= int(width) <= 7680):
            raise UserError(f"--size {self.size} is no size", "Write it like 640x360")
        if not 64 <= int(height) <= 4320:
            raise UserError(f"--size {self.size} is no size", "Write it like 640x360")
        return int(width), int(height)

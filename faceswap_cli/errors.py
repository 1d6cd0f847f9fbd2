"""What may go wrong for a user, said in one line: what was wrong and what to do.

Everything else that is raised is a bug of ours and keeps its traceback.
"""


class UserError(Exception):
    """A problem the user can mend. The command line prints it on one line and exits with `exit_code`.

    Args:
        message: what was wrong, naming the file or option.
        hint: what to do about it; may be empty when the message says it already.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class Refusal(UserError):  # noqa: N818 - it is no error of anybody's
    """What this tool will not do, and why. See docs/safety.md for what is refused and how surely."""

    exit_code = 3

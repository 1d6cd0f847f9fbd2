"""What else each feature was measured to change; see docs/edit.md."""

from __future__ import annotations

SIDE_EFFECTS: dict[str, str] = {}
"""In words, by feature."""

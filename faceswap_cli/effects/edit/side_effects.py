"""What else each feature was measured to change; see docs/edit.md.

By judges that no part of the tool has seen, on photos (`scripts/bench/edit.py`): what another feature moved,
in parts of what would be asked of that one. Less than a quarter is not told.
"""

from __future__ import annotations

SIDE_EFFECTS: dict[str, str] = {
    "hair": "none on skin, brows or lips",
    "brows": "none on hair, skin or lips",
    "lips": "none on hair, skin or brows",
    "skin": "lips .9, brows .6: they go with it",
    "warmth": "lips .85, brows .6: they go with it",
    "smile": "nose wider (2.2: as broad smiles do), chin .7, nose shorter .6, eyes .4",
    "mouth": "chin -.8, nose longer 1.2, lips .5, jaw -.45",
    "brow-height": "nod .4, nose longer .35, chin -.25",
    "lids": "all under a quarter",
    "nose-length": "nod -.3, chin -.25",
    "lip-fullness": "nose wider .3",
    "eye-size": "nose shorter .25",
    "jaw": "eyes smaller .4",
    "chin": "all under a quarter",
    "turn": "all under a quarter",
    "sex": "looks about 3 years younger",
    "nod": "chin 1.9, nose shorter .8, brows .4: what a nod looks like from the front",
}
"""In words, by feature."""

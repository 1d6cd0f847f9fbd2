"""What a user may ask for, and what the table says."""

import pytest

from faceswap_cli.effects.edit.colours import HAIR, find_colour
from faceswap_cli.effects.edit.features import EMOTIONS, FEATURES, read_settings, show_value
from faceswap_cli.effects.edit.request import EditRequest
from faceswap_cli.effects.edit.shape_moves import BUILD_MOVES, BUILDS, MOST_STEP, READERS
from faceswap_cli.effects.edit.sheet import read_sheet, sheet_values
from faceswap_cli.errors import UserError


def test_settings_are_read_in_order_and_the_last_counts() -> None:
    assert read_settings(["smile=.6", "hair=auburn", "smile=-.2"]) == {"smile": -0.2, "hair": "auburn"}


def test_an_emotion_is_a_bundle_that_can_be_changed() -> None:
    assert read_settings(["emotion=surprised", "mouth=0"]) == {**EMOTIONS["surprised"], "mouth": 0.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("smiel=1", ("smiel", "Did you mean smile?", "hair")),
        ("smile", ("says no value",)),
        ("smile=2", ("smile=2", "-1 to 1")),
        ("smile=nan", ("smile=nan", "-1 to 1")),
        ("hair=mauve", ("mauve", "auburn", "#a0522d")),
        ("emotion=bored", ("bored", "happy")),
    ],
)
def test_what_is_unknown_lists_the_known(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        read_settings([text])
    assert all(word in str(caught.value) for word in words)


def test_nothing_asked_for_is_an_error() -> None:
    with pytest.raises(UserError, match="not said what"):
        EditRequest().check()


def test_every_feature_of_shape_can_be_read_and_bundles_name_features() -> None:
    shapes = {name for name, feature in FEATURES.items() if feature.road == "shape"}
    assert shapes == BUILDS.keys() | READERS.keys()
    assert BUILDS.keys() == BUILD_MOVES.keys() and MOST_STEP.keys() <= shapes
    for bundle in EMOTIONS.values():
        assert all(FEATURES[name].low <= value <= FEATURES[name].high for name, value in bundle.items())


def test_a_colour_by_its_hexadecimal_is_its_lab() -> None:
    # Grey has no colour, and half the light of white is L* 53.6 (CIE 15).
    lightness, a, b = find_colour("#808080", HAIR, 9).lab
    assert lightness == pytest.approx(53.6, abs=0.1) and abs(a) < 0.1 and abs(b) < 0.1
    assert find_colour("#ff0000", HAIR, 9).lab == pytest.approx((53.2, 80.1, 67.2), abs=0.3)


def test_values_are_shown_short() -> None:
    assert [show_value(value) for value in (0.6, -0.25, 1.0, 0.0, -0.001, 12.5, "red")] == [
        *(".6", "-.25", "1", "0", "0", "12.5", "red")
    ]


def test_a_sheet_names_one_feature_or_two() -> None:
    assert read_sheet("smile,hair") == ("smile", "hair")
    assert sheet_values("smile") == [-1, -0.5, 0, 0.5, 1] and sheet_values("hair") == list(HAIR)
    for text in ("smile,smile", "smile,hair,jaw", "nothing"):
        with pytest.raises(UserError):
            read_sheet(text)

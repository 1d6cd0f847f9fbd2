"""Generators that are told what to draw."""

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.generation.pictures_from_caption import CaptionedPictures
from faceswap_cli.generation.sampling import load_generator
from faceswap_cli.networks.generator.captions import (
    PADDING,
    UNKNOWN,
    CaptionEncoder,
    divergence_from_normal,
    number_words,
    split_caption,
)
from faceswap_cli.training.data.captions import caption_of, learn_words, read_captions
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.runs.folder import open_run
from faceswap_cli.training.runs.settings import GeneratorSettings
from faceswap_cli.training.task import TrainingTask, train

NETWORK = {
    "resolution": 16, "width": 8, "most_width": 16, "noise": 8, "style": 8, "mapping": 2, "caption": 8,
}  # fmt: skip
COLOURS = {"red": (0, 0, 255), "blue": (255, 0, 0)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Red and blue squares, the blue ones in a folder below."""
    path = tmp_path_factory.mktemp("captioned")
    (path / "below").mkdir()
    lines = ["file,caption"]
    for number in range(24):
        name, colour = list(COLOURS.items())[number % 2]
        file = f"{'below/' if name == 'blue' else ''}{number}.png"
        cv2.imwrite(str(path / file), np.full((16, 16, 3), colour, np.uint8))
        lines.append(f'{file},"A {name.upper()} square, number {number}"')
    (path / "captions.csv").write_text("\n".join(lines))
    return path


def run(folder, path, steps, stop_after=None):
    family = FAMILIES["generator"]
    settings = GeneratorSettings(family="generator", network=NETWORK, batch=8, held_out=0.2)
    task = TrainingTask(family, family.source(folder, []), path, settings, budget=Budget(steps=steps))
    asked = iter(range(1, steps + 1))
    said = []
    ticks = list(
        train(
            task,
            torch.device("cpu"),
            lambda: stop_after is not None and next(asked) > stop_after,
            said.append,
        )
    )
    return ticks, said


def test_captions_are_found_by_file_and_their_words_counted(folder):
    said = read_captions(folder)
    assert caption_of(said, folder / "below" / "1.png", folder) == "A BLUE square, number 1"
    assert caption_of(said, folder / "other.png", folder) == ""
    assert learn_words(list(said.values())) == ("a", "number", "square", "blue", "red")
    assert not read_captions(folder / "below")


@pytest.mark.parametrize(
    ("text", "told"), [("name,words\na.png,b", "has no captions"), ("", "has no captions")]
)
def test_a_table_without_captions_is_told(tmp_path, text, told):
    (tmp_path / "captions.csv").write_text(text)
    with pytest.raises(UserError, match=told):
        read_captions(tmp_path)


def test_words_that_never_come_again_are_told():
    with pytest.raises(UserError, match="two pictures"):
        learn_words(["one", "other"])


def test_words_become_numbers():
    assert split_caption("A bird's Beak, 2 wings!") == ["a", "bird's", "beak", "2", "wings"]
    numbers = number_words(["red dragon", ""], ("red", "blue"))
    assert numbers[0, :3].tolist() == [2, UNKNOWN, PADDING]
    assert (numbers[1] == PADDING).all()


def test_captions_are_read_in_their_order_whatever_follows():
    torch.manual_seed(0)
    encoder = CaptionEncoder(5, 8)
    one, other = encoder(torch.tensor([[2, 3, 0, 0], [3, 2, 0, 0]]))[0]
    assert not torch.allclose(one, other)
    assert torch.isfinite(encoder(torch.zeros(1, 4, dtype=torch.long))[0]).all()
    assert divergence_from_normal(torch.zeros(2, 8), torch.zeros(2, 8)) == 0


def test_a_captioned_run_learns_resumes_and_draws_what_is_said(folder, tmp_path):
    ticks, said = run(folder, tmp_path / "whole", 6)
    assert "captions of 5 words" in " ".join(said)
    assert {"captions", "mismatched"} <= ticks[-1].losses.keys()
    run(folder, tmp_path / "parts", 6, stop_after=2)
    run(folder, tmp_path / "parts", 6)
    newest = [open_run(tmp_path / name).store.newest()[0].tensors for name in ("whole", "parts")]
    assert all(torch.equal(newest[0][name], newest[1][name]) for name in newest[0])
    generator = load_generator(tmp_path / "whole", "cpu")
    red, blue = (CaptionedPictures(generator, f"{colour} square") for colour in COLOURS)
    assert not np.array_equal(red.draw(1, 1.0)[0], blue.draw(1, 1.0)[0])
    assert np.array_equal(red.draw(1, 1.0)[0], red.draw(1, 1.0)[0])
    assert CaptionedPictures(generator, "red dragon").unknown == ["dragon"]
    with pytest.raises(UserError, match="was learnt"):
        CaptionedPictures(generator, "dragon")
    assert generator.draw([1]).shape == (1, 16, 16, 3)  # without a caption

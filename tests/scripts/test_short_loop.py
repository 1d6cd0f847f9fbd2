"""The loop of scripts that train one network: it goes on where it was stopped, and says how it goes."""

from argparse import Namespace
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from scripts.train import short_loop


@dataclass
class Pictures:
    """Samples that are nothing but pictures."""

    input: torch.Tensor

    def part(self, share):
        return Pictures(share.of(self.input))


def draw(random, progress):
    return [Pictures(torch.rand(4, 3, 2, 2, generator=random))]


def losses(network, batch):
    return {"size": network(batch.input).square().mean()}


def train(folder, steps):
    options = Namespace(run=folder, batch=4, rate=1e-2, device="cpu", steps=steps, minutes=None, look=0)
    trainer, store = short_loop.prepare(options, "smooth", lambda new: nn.Conv2d(3, 1, 1), losses)
    short_loop.run(options, trainer, store, draw, lambda network: ["figures"])
    return trainer


def test_it_goes_on_where_it_was_stopped(tmp_path, capsys):
    assert train(tmp_path, 2).step == 2
    assert "size" in capsys.readouterr().out
    assert train(tmp_path, 4).step == 4
    assert "going on at step 2" in capsys.readouterr().out


def test_figures_are_printed_at_the_end(tmp_path, capsys):
    train(tmp_path / "run", 1)
    assert "figures" in capsys.readouterr().out


def test_what_all_such_scripts_are_told(monkeypatch):
    def parse(*words):
        monkeypatch.setattr("sys.argv", ["script", *words])
        return short_loop.parse(
            "Words.", "pairs", "a folder", 16, lambda parser: parser.add_argument("--more")
        )

    options = parse("pairs", "--run", "run", "--more", "3")
    assert (options.batch, options.steps, options.more) == (16, 12000, "3")
    with pytest.raises(SystemExit):
        parse("pairs")

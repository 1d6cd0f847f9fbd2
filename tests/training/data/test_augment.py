import torch

from faceswap_cli.training.data.augment import augment, sampling_grid
from faceswap_cli.training.engine.trainer import generator_for


def test_without_strength_the_input_is_the_target(people):
    samples = augment(people["a"], "a", 4, generator_for(0, 0, 0), strength=0.0)
    # Input and target are cut from the same crop at the same place by two filters.
    assert (samples.input - samples.target).abs().mean() < 0.01


def test_with_strength_only_the_input_moves(people):
    plain = augment(people["a"], "a", 4, generator_for(0, 0, 0), strength=0.0)
    bent = augment(people["a"], "a", 4, generator_for(0, 0, 0), strength=1.0)
    torch.testing.assert_close(bent.target, plain.target)
    torch.testing.assert_close(bent.mask, plain.mask)
    assert (bent.input - plain.input).abs().mean() > 0.01


def test_the_same_step_draws_the_same_batch(people):
    first, again, other = (
        augment(people["a"], "a", 4, generator_for(1, 0, step), 1.0, people["b"]) for step in (7, 7, 8)
    )
    torch.testing.assert_close(first.input, again.input, atol=0, rtol=0)
    assert not torch.equal(first.input, other.input)


def test_recolouring_takes_on_the_other_persons_light(people):
    def mean_colour(samples):
        return (samples.target * samples.mask).sum((0, 2, 3)) / samples.mask.sum()

    other = mean_colour(augment(people["b"], "b", 64, generator_for(0, 0, 0)))
    own = mean_colour(augment(people["a"], "a", 64, generator_for(0, 0, 0)))
    taken = mean_colour(augment(people["a"], "a", 64, generator_for(0, 0, 0), colours=people["b"]))
    assert ((taken - other).abs() < 0.2 * (own - other).abs()).all()


def test_grid_turns_about_the_middle():
    draws = torch.tensor([[1.0, 0, 0, 0]])
    grid = sampling_grid(33, 45, draws, torch.zeros(1, 2, 5, 5), 1.0)
    torch.testing.assert_close(grid[0, 16, 16], torch.zeros(2), atol=1e-6, rtol=0)
    assert grid[0, 16, 32, 1] > 0.05  # the right edge is read lower down: 10 degrees


def test_without_mirroring_every_sample_looks_the_same_way(people):
    one = people["a"].pick(torch.tensor([1]))
    one.weight[..., :16] = 0  # a face that is not alike on both sides
    for mirror, ways in ((True, 2), (False, 1)):
        samples = augment(one, "a", 16, generator_for(0, 0, 0), 0.0, view=mirror)
        assert len({tuple(weight.flatten().tolist()) for weight in samples.weight}) == ways

"""How old a face looks, as a distribution over ages, and whether it is a woman's, from one small picture.

The ages are learnt as distributions (X. Geng et al., Facial age estimation by learning from label
distributions, PAMI 2013) and read out by their expectation (B.-B. Gao et al., Age estimation using
expectation of label distribution learning, IJCAI 2018), so that the spread of an answer says how sure it is.
The body is that of EfficientNet-Lite0 (M. Tan and Q. Le, EfficientNet, ICML 2019; Lite: no attention, ReLU6
throughout) without its last stage: inverted residuals of M. Sandler et al. (MobileNetV2, CVPR 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

AGES = 101
"""Years that the distribution is over: 0 to 100."""

LITE0 = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
)
"""The stages of EfficientNet-Lite0 but the last: expansion, kernel, stride of the first block, channels,
blocks."""

EPSILON, MOMENTUM = 1e-3, 0.02
"""Of the batch norms; the first is what the pretrained body was trained with."""

Calibration = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class AgeConfig:
    """What rebuilds an AgeNetwork.

    Attributes:
        size: side of the picture in pixels, a multiple of 16.
        side: side of the picture in face units, see `faces.geometry`.
        stem: channels of the first convolution.
        stages: expansion, kernel, stride, channels and number of blocks of each stage.
        features: length of the vector that the heads read.
        folded: whether the batch norms are folded into the convolutions: False while it is trained.
        calibration: expected ages as they come out, rising, and the years that they stand for. Between them
            runs a straight line, beyond them the outermost one goes on. Empty: they stand for themselves.
    """

    size: int = 128
    side: float = 2.4
    stem: int = 32
    stages: tuple[tuple[int, int, int, int, int], ...] = LITE0
    features: int = 384
    folded: bool = True
    calibration: Calibration = ((), ())


class AgeOutput(NamedTuple):
    """What an AgeNetwork says of B pictures. All of it is differentiable.

    Attributes:
        age: (B,) calibrated years: the distribution's expectation, put right where it is known to be off.
        spread: (B,) standard deviation of the distribution in calibrated years.
        female: (B,) logits.
        logits: (B, AGES) of the distribution as it was learnt, not calibrated.
    """

    age: Tensor
    spread: Tensor
    female: Tensor
    logits: Tensor


class AgeNetwork(nn.Module):
    """About 130 million multiply-adds for a picture of 128 x 128 pixels."""

    years: Tensor

    def __init__(self, config: AgeConfig) -> None:
        super().__init__()
        if config.size % 16:
            raise ValueError(f"size {config.size} is not a multiple of 16")
        self.config = config
        channels = config.stem
        self.stem = Convolution(3, channels, 3, stride=2, folded=config.folded)
        blocks: list[nn.Module] = []
        for expansion, kernel, stride, width, count in config.stages:
            for number in range(count):
                step = stride if number == 0 else 1
                blocks.append(InvertedResidual(channels, width, expansion, kernel, step, config.folded))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.mix = Convolution(channels, config.features, 1, folded=config.folded)
        self.ages = nn.Linear(config.features, AGES)
        self.female = nn.Linear(config.features, 1)
        for head in (self.ages, self.female):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
        self.register_buffer("years", torch.arange(AGES, dtype=torch.float32), persistent=False)
        self._calibration = _Line(config.calibration)

    def forward(self, pictures: Tensor) -> AgeOutput:
        """(B, 3, size, size) RGB in [0, 1]."""
        return self.seen(pictures, ())[0]

    def seen(self, pictures: Tensor, taps: Sequence[int]) -> tuple[AgeOutput, list[Tensor]]:
        """The answer, and the features (B, C, H, W) after the blocks of these numbers, counted from 1."""
        x = self.stem(pictures * 2 - 1)
        found = []
        for number, block in enumerate(self.blocks, 1):
            x = block(x)
            if number in taps:
                found.append(x)
        x = self.mix(x).mean((2, 3))
        logits: Tensor = self.ages(x)
        age, spread = self.read(logits)
        return AgeOutput(age, spread, self.female(x)[:, 0], logits), found

    def read(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Calibrated mean and standard deviation (B,), in years, of the distributions of (B, AGES) logits."""
        share = logits.float().softmax(1)
        mean = share @ self.years
        variance = (share * (self.years - mean[:, None]).square()).sum(1)
        age, slope = self._calibration(mean)
        # The root has no slope at 0, which an all but certain answer reaches.
        return age, (variance + 1e-4).sqrt() * slope

    def below(self, logits: Tensor, age: float) -> Tensor:
        """(B,) share, 0..1, of the distributions of (B, AGES) logits that lies below an age.

        As they were learnt: the calibration puts means right, and takes a share of young adults for children.
        """
        share: Tensor = (logits.float().softmax(1) * (self.years < age)).sum(1)
        return share


class _Line(nn.Module):
    """A rising line of straight pieces, and how steep it is; its ends go on as they were."""

    places: Tensor
    values: Tensor

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        places, values = calibration if len(calibration[0]) > 1 else ((0.0, 1.0), (0.0, 1.0))
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.register_buffer("values", torch.tensor(values), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) to the line's height and slope there, (B,) each."""
        piece = torch.bucketize(x.detach(), self.places[1:-1].contiguous())
        left, bottom = self.places[piece], self.values[piece]
        slope = (self.values[piece + 1] - bottom) / (self.places[piece + 1] - left)
        return bottom + (x - left) * slope, slope


class InvertedResidual(nn.Module):
    """1x1 to many channels, one filter for each, 1x1 back to few; added to its input where that fits."""

    def __init__(
        self, channels: int, out: int, expansion: int, kernel: int, stride: int, folded: bool
    ) -> None:
        super().__init__()
        wide = channels * expansion
        self.expand = Convolution(channels, wide, 1, folded=folded) if expansion > 1 else nn.Identity()
        self.depthwise = Convolution(wide, wide, kernel, stride=stride, groups=wide, folded=folded)
        self.project = Convolution(wide, out, 1, folded=folded, active=False)
        self.adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, out, H / stride, W / stride)."""
        change: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + change if self.adds else change


class Convolution(nn.Module):
    """Convolution and ReLU6, with a batch norm between them until that is folded in.

    Strided ones are padded to the right and below only, as the pretrained body was: a picture's side is even.
    """

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        folded: bool,
        active: bool = True,
    ) -> None:
        super().__init__()
        self.before = (kernel - stride) // 2
        self.after = kernel - stride - self.before
        even = self.before == self.after
        self.filter = nn.Conv2d(
            channels, out, kernel, stride, self.before if even else 0, groups=groups, bias=folded
        )
        self.even = even
        self.norm = nn.Identity() if folded else nn.BatchNorm2d(out, EPSILON, MOMENTUM)
        self.active = active
        nn.init.kaiming_normal_(self.filter.weight, mode="fan_out")
        if self.filter.bias is not None:
            nn.init.zeros_(self.filter.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, out, H / stride, W / stride)."""
        if not self.even:
            x = F.pad(x, (self.before, self.after, self.before, self.after))
        x = self.norm(self.filter(x))
        return F.relu6(x, inplace=True) if self.active else x


@torch.no_grad()
def fold_batch_norm(network: AgeNetwork, calibration: Calibration) -> AgeNetwork:
    """A trained network with its batch norms folded into the convolutions, and a calibration.

    Args:
        network: not folded; its running averages are what is folded in.
        calibration: see AgeConfig.
    """
    result = AgeNetwork(replace(network.config, folded=True, calibration=calibration))
    state = {k: v for k, v in network.state_dict().items() if ".norm." not in k and not k.startswith("_")}
    for name, module in network.named_modules():
        if isinstance(module, Convolution):
            norm = module.norm
            assert isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None
            assert norm.running_mean is not None
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            state[f"{name}.filter.weight"] = module.filter.weight * gain[:, None, None, None]
            state[f"{name}.filter.bias"] = norm.bias - norm.running_mean * gain
    result.load_state_dict(state)
    return result.eval()


def build_age_estimator(config: Mapping[str, Any]) -> AgeNetwork:
    """The network from a card's configuration, freshly initialised."""
    values = dict(config)
    values["stages"] = tuple(tuple(int(value) for value in stage) for stage in values["stages"])
    values["calibration"] = tuple(tuple(float(v) for v in row) for row in values["calibration"])
    return AgeNetwork(AgeConfig(**values))

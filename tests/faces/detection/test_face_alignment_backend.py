"""The face-alignment back end. Its landmark weights can't be had everywhere: a stand-in network that answers
with heat maps of the same form shows that crops, batches, mirroring and coordinates are right."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.faces.detection.boxes import roll_of
from faceswap_cli.faces.detection.face_alignment_backend import (
    FACES_AT_ONCE,
    FaceAlignmentDetector,
    FanLandmarker,
    five_points,
    heatmap_peaks,
)
from faceswap_cli.faces.face import Detection
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.media.frame import Frame, Image
from tests.faces.face_pictures import moved, one, shared_file


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch's cache, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def yunet(hub: Path) -> FaceAlignmentDetector:
    weights = shared_file("teachers", "face_detection_yunet_2023mar.onnx")
    shutil.copy(weights, hub / weights.name)
    return FaceAlignmentDetector("yunet")


class BrightSpot(torch.nn.Module):
    """Answers with 68 heat maps that are all as bright as the crop's red; counts the forward passes."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, crops: torch.Tensor) -> list[torch.Tensor]:
        assert crops.shape[1:] == (3, 256, 256)
        self.batches.append(len(crops))
        heat = torch.nn.functional.avg_pool2d(crops[:, :1], 4).expand(-1, 68, -1, -1)
        return [torch.zeros_like(heat), heat]


def spot(x: float, y: float, sigma: float) -> Image:
    """A picture (300, 400, 3) with a soft red spot."""
    rows, columns = np.mgrid[0:300, 0:400]
    image = np.zeros((300, 400, 3), np.uint8)
    image[..., 0] = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return image


def upright(angle: float = 0.0) -> Detection:
    """A face of 100 x 140 pixels around (200, 150), turned with the clock."""
    box = np.array([150, 80, 250, 220], np.float32)
    points = cv2.transform(five_points(box)[None], cv2.getRotationMatrix2D((200, 150), -angle, 1.0))[0]
    return Detection(box, points.astype(np.float32), 1.0)


@pytest.mark.parametrize("angle", [0.0, 35.0, -120.0])
@pytest.mark.parametrize("place", [(200.0, 150.0), (171.3, 138.6), (223.8, 190.2)])
def test_landmarks_lie_where_the_heat_is(angle: float, place: tuple[float, float]) -> None:
    [[points]] = FanLandmarker(network=BrightSpot())([spot(*place, 4.0)], [[upright(angle)]])
    assert points.landmarks.shape == (68, 2) and points.landmarks.dtype == np.float32
    assert np.abs(points.landmarks - place).max() < 0.5
    assert (points.spread < 0.3).all() and (points.visible == 1).all()


def test_faces_of_many_frames_go_through_the_network_together() -> None:
    network = BrightSpot()
    counts = [2, 0, 1, FACES_AT_ONCE]
    images = [spot(180 + 5 * i, 140, 4.0) for i in range(len(counts))]
    found = FanLandmarker(network=network)(images, [[upright()] * n for n in counts])
    assert [len(points) for points in found] == counts
    assert network.batches == [FACES_AT_ONCE, FACES_AT_ONCE, 3, 3]  # each batch and its mirror image
    for i, points in enumerate(found):
        for face in points:
            assert np.abs(face.landmarks - (180 + 5 * i, 140)).max() < 0.5
    assert FanLandmarker(network=network)([], []) == []


class RealFaces(torch.nn.Module):
    """Answers with heat maps of what another landmarker finds in the crops."""

    def __init__(self, stage: FaceAnalyser) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        images = (crops * 255).round().byte().permute(0, 2, 3, 1).numpy()
        rows, columns = np.mgrid[0:64, 0:64]
        answers = []
        for image in images:
            [[face]] = self.stage.find(one(np.ascontiguousarray(image)))
            assert abs(estimate_pose(face.landmarks)[2]) < 12  # upright
            cells = ((face.landmarks + 0.5) / 4 - 0.5).reshape(68, 2, 1, 1)
            answers.append(np.exp(-((columns - cells[:, 0]) ** 2 + (rows - cells[:, 1]) ** 2) / 2))
        return torch.from_numpy(np.stack(answers).astype(np.float32))


@pytest.mark.parametrize("angle", [0, 70, 180])
def test_fan_gets_an_upright_face_and_its_points_come_back(
    angle: float, stage: FaceAnalyser, face_picture: Image
) -> None:
    picture = moved(face_picture, 0, 0, 1.0, angle)
    [[face]] = stage.find(one(picture))
    [[points]] = FanLandmarker(network=RealFaces(stage))([picture], [stage.detector(one(picture))[0]])
    apart = np.linalg.norm(points.landmarks - face.landmarks, axis=1).mean()
    assert apart < 0.05 * interocular(face.landmarks)


def test_points_of_mirrored_heat_maps_change_sides() -> None:
    class LeftEar(torch.nn.Module):
        """Puts point 0 at the left in what it sees, all others in the middle."""

        def forward(self, crops: torch.Tensor) -> torch.Tensor:
            heat = torch.zeros(len(crops), 68, 64, 64)
            heat[:, :, 32, 32] = 1
            heat[:, 0] = 0
            heat[:, 0, 32, 10] = 1
            return heat

    [[points]] = FanLandmarker(network=LeftEar())([spot(0, 0, 1)], [[upright()]])
    # The picture shows point 0 at the left; its mirror image shows point 16 there.
    assert points.spread[0] > 10 and points.spread[16] > 10 and points.spread[30] < 5


def test_peaks_are_finer_than_a_cell() -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    heat = np.exp(-((columns - 20.3) ** 2 + (rows - 41.6) ** 2) / 2)[None, None].astype(np.float32)
    assert np.abs(heatmap_peaks(heat)[0, 0] - (np.array([20.3, 41.6]) * 4 + 1.5)).max() < 0.5
    corner = np.zeros((1, 1, 64, 64), np.float32)
    corner[0, 0, 63, 0] = 1
    assert heatmap_peaks(corner)[0, 0].tolist() == pytest.approx([1.5, 253.5])
    assert np.isfinite(heatmap_peaks(np.full((1, 1, 64, 64), -1, np.float32))).all()


def test_yunet_gives_its_own_points(yunet: FaceAlignmentDetector, face_picture: Image) -> None:
    pictures = [face_picture, moved(face_picture, 40, 0, angle=-25), np.zeros_like(face_picture)]
    straight, tilted, none = yunet([Frame(i, 0.0, picture) for i, picture in enumerate(pictures)])
    assert none == []
    assert abs(roll_of(straight[0].points)) < 8
    assert roll_of(tilted[0].points) - roll_of(straight[0].points) == pytest.approx(25, abs=6)


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (31, 33), (50, 6000)])
def test_yunet_stands_odd_sizes(shape: tuple[int, int], yunet: FaceAlignmentDetector) -> None:
    assert yunet(one(np.zeros((*shape, 3), np.uint8))) == [[]]


def test_a_detector_that_looks_at_batches_is_given_batches(
    hub: Path, monkeypatch: pytest.MonkeyPatch, face_picture: Image
) -> None:
    """S3FD with weights that know nothing: the tensors go through its real network and its decoding."""
    from face_alignment.detection.sfd.net_s3fd import s3fd

    torch.manual_seed(0)
    torch.save(s3fd().state_dict(), hub / "s3fd-619a316812.pth")
    detector = FaceAlignmentDetector("sfd", threshold=0.0, min_size=0)
    seen: list[Any] = []
    whole = detector._detector.detect_from_batch
    monkeypatch.setattr(
        detector._detector, "detect_from_batch", lambda batch: seen.append(batch) or whole(batch)
    )
    small = [cv2.resize(face_picture, (64, 48)), cv2.resize(face_picture[:, ::-1], (64, 48))]
    frames = [Frame(i, 0.0, picture) for i, picture in enumerate([*small, small[0][:40]])]
    assert len(detector(frames)) == 3
    assert [tuple(batch.shape) for batch in seen] == [(2, 3, 48, 64), (1, 3, 40, 64)]


def test_without_weights_fan_says_what_is_missing(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"2DFAN4-11f355bf06\.pth\.tar"):
        FanLandmarker()

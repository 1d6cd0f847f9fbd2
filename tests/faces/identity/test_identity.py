from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from faceswap_cli import zoo
from faceswap_cli.errors import UserError
from faceswap_cli.faces.detection import weight_report
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import MEAN_FACE, transform
from faceswap_cli.faces.identity.identity_encoder import (
    BATCH,
    THRESHOLD,
    IdentityEncoder,
    chip_matrix,
    cut_chip,
    identity_distance,
)
from faceswap_cli.media.frame import Image
from faceswap_cli.media.reader import VideoReader
from tests.faces.face_pictures import load, moved, one, shared_file


@pytest.fixture(scope="module")
def encoder() -> IdentityEncoder:
    return IdentityEncoder()


def test_one_face_is_near_itself(encoder: IdentityEncoder, stage: FaceAnalyser, face_picture: Image) -> None:
    [[face]] = stage.find(one(face_picture))
    turned = moved(face_picture, 10, 5, 0.8, 25)
    [[again]] = stage.find(one(turned))
    first = encoder.embed(face_picture, [face.landmarks, face.landmarks])
    assert first.shape == (2, 128) and first.dtype == np.float32
    assert identity_distance(first[0], first[1]) == 0
    assert identity_distance(first[0], encoder.embed(turned, [again.landmarks])[0]) < 0.6 * THRESHOLD
    assert encoder.embed(face_picture, []).shape == (0, 128)


def test_two_people_are_told_apart(encoder: IdentityEncoder, stage: FaceAnalyser) -> None:
    picture = load(shared_file("samples", "stills", "fr_two_people.jpg"))
    alone = load(shared_file("samples", "stills", "fr_obama.jpg"))
    [faces] = stage.find(one(picture))
    both = encoder.embed(picture, [face.landmarks for face in faces])
    [obama] = encoder.embed(alone, [stage.find(one(alone))[0][0].landmarks])
    assert identity_distance(both[0], both[1]) > THRESHOLD
    near, far = sorted(identity_distance(both, obama))
    assert near < 0.8 * THRESHOLD < THRESHOLD < far


def test_speakers(encoder: IdentityEncoder, stage: FaceAnalyser) -> None:
    clips = sorted(shared_file("samples", "clips").glob("grid_*"))
    tracks = {}
    for clip in clips:
        with VideoReader(clip) as reader:
            frame = next(iter(reader))
        tracks[clip.stem] = encoder.embed(frame.image, [stage.find([frame])[0][0].landmarks])[0]
    for a, b in itertools.combinations(tracks, 2):
        is_one = {a, b} == {"grid_id2_swwp2s", "grid_pwij3p"}
        assert (identity_distance(tracks[a], tracks[b]) < THRESHOLD) == is_one, (a, b)


def test_batches_of_chips_are_as_single_ones(encoder: IdentityEncoder, face_picture: Image) -> None:
    pictures = [moved(face_picture, i, -i, 1 + i / 100, i) for i in range(BATCH + 3)]
    chips = np.stack([cut_chip(picture, MEAN_FACE * 100 + (320, 180)) for picture in pictures])
    together = encoder.embed_chips(chips)
    assert together.shape == (BATCH + 3, 128)
    for i in (0, BATCH - 1, BATCH + 2):
        assert identity_distance(encoder.embed_chips(chips[i : i + 1])[0], together[i]) < 1e-4
    assert encoder.embed_chips(iter(())).shape == (0, 128)


def test_a_chip_is_upright_and_framed_alike_whatever_the_face_s_size(face_picture: Image) -> None:
    """The landmarks that a chip is placed by lie where the mean face has them."""
    points = MEAN_FACE * 80 + (300, 170)
    turned = transform(points, np.array([[0.5, -0.4, 40], [0.4, 0.5, -9]]))
    placed = [transform(p, chip_matrix(p)) for p in (points, turned)]
    assert np.allclose(placed[0], placed[1], atol=1e-6)
    across = placed[0][45] - placed[0][36]
    assert across == pytest.approx([150 / 1.982, 0], abs=1e-6)
    assert cut_chip(face_picture, points).shape == (150, 150, 3)


def test_descriptors_are_those_of_dlib(
    encoder: IdentityEncoder, stage: FaceAnalyser, face_picture: Image
) -> None:
    """Where dlib is installed: the network is its network, and our chips do as well as its own."""
    dlib = pytest.importorskip("dlib")
    models = pytest.importorskip("face_recognition_models")
    file = Path(models.__file__).parent / "models" / "dlib_face_recognition_resnet_model_v1.dat"
    network = dlib.face_recognition_model_v1(str(file))
    [[face]] = stage.find(one(face_picture))
    parts = [dlib.point(round(x), round(y)) for x, y in face.landmarks.tolist()]
    shape = dlib.full_object_detection(dlib.rectangle(0, 0, 1, 1), parts)
    theirs = dlib.get_face_chip(face_picture, shape, 150, 0.25)
    wanted = np.array(network.compute_face_descriptor(theirs))
    assert identity_distance(encoder.embed_chips(theirs[None])[0], wanted) < 0.01
    assert identity_distance(encoder.embed(face_picture, [face.landmarks])[0], wanted) < 0.1


def test_missing_and_damaged_weights_say_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, face_picture: Image
) -> None:
    monkeypatch.setattr(zoo, "models_folder", lambda: tmp_path)
    zoo.shared_network.cache_clear()
    try:
        assert weight_report.bundled_weights("identity", "identity").state == "missing"
        with pytest.raises(UserError, match="Install faceswap anew"):
            IdentityEncoder().embed(face_picture, [MEAN_FACE * 80 + (300, 170)])
        source = Path(__file__).parents[3] / "models" / "identity"
        shutil.copytree(source, tmp_path / "identity")
        assert weight_report.bundled_weights("identity", "identity").state == "there"
        data = (source / "weights.safetensors").read_bytes()
        (tmp_path / "identity" / "weights.safetensors").write_bytes(data[:-1] + b"x")
        assert weight_report.bundled_weights("identity", "identity").state == "damaged"
        with pytest.raises(UserError, match="is damaged"):
            IdentityEncoder().embed(face_picture, [MEAN_FACE * 80 + (300, 170)])
    finally:
        zoo.shared_network.cache_clear()

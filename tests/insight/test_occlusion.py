"""What is hidden, by name; what stands in its place; who a cue is taken from."""

import dataclasses

import numpy as np
import pytest

from mccl_jax.cues import AUS, DAIC_WOZ_CUES, E_DAIC_CUES, FACIAL_REGIONS, OPENFACE_AUS, OPENFACE_CUES
from mccl_jax.data.windows import Windows
from mccl_jax.insight import occlusion


def test_every_part_by_name():
    found = {}
    for part in occlusion.parts(OPENFACE_CUES, 3):
        found.setdefault(part.kind, {})[part.name] = part
    assert [*found["cues"]] == ["landmarks", "gaze", "pose", "aus"]
    assert {*found["regions"]} == {*FACIAL_REGIONS}
    assert sorted(point for part in found["regions"].values() for point in part.points["landmarks"]) == [*range(68)]
    assert tuple(found["aus"]) == OPENFACE_AUS
    assert [*found["segments"]] == [*found["segments_missing"]] == ["1", "2", "3"]
    assert not any(
        part.missing for kind, parts in found.items() for part in parts.values() if kind != "segments_missing"
    )


def test_only_what_the_cues_and_the_model_have():
    kinds = {part.kind for part in occlusion.parts(E_DAIC_CUES, 1)}
    assert kinds == {"cues", "aus"}
    assert "segments_missing" not in {part.kind for part in occlusion.parts(DAIC_WOZ_CUES, 3, masked=False)}
    half = {"landmarks": dataclasses.replace(OPENFACE_CUES["landmarks"], points=("30", "48", "49"))}
    regions = {part.name: part.points["landmarks"] for part in occlusion.parts(half, 1) if part.kind == "regions"}
    assert regions == {"nose": [0], "lips": [1, 2]}


def test_a_part_as_arrays():
    parts = {(part.kind, part.name): part for part in occlusion.parts(OPENFACE_CUES, 3)}
    au = occlusion.hidden(parts["aus", "AU12"], OPENFACE_CUES, 3)
    assert np.flatnonzero(au.points["aus"]).tolist() == [AUS.points.index("AU12")]
    assert not any(au.points[cue].any() for cue in ("landmarks", "gaze", "pose"))
    assert au.when.all()
    assert not au.missing.any()
    second = occlusion.hidden(parts["segments", "2"], OPENFACE_CUES, 3)
    assert all(points.all() for points in second.points.values())
    assert second.when.tolist() == [0, 0, 1, 0]
    assert occlusion.hidden(parts["segments_missing", "2"], OPENFACE_CUES, 3).missing.tolist() == [0, 0, 1, 0]
    nothing = occlusion.hidden(None, OPENFACE_CUES, 3)
    assert not nothing.when.any()
    assert not any(points.any() for points in nothing.points.values())


def test_as_many_points_at_random():
    (lips,) = (part for part in occlusion.parts(OPENFACE_CUES, 1) if part.name == "lips")
    drawn = occlusion.as_many(lips, 68, 7, seed=0)
    sets = {tuple(sorted(part.points["landmarks"])) for part in drawn}
    assert len(sets) == 7
    assert all(len(set(points)) == 20 for points in sets)


def test_the_train_mean_is_over_frames_with_data_of_these_rows():
    rng = np.random.default_rng(0)
    mask = rng.random((4, 9)) < 0.6
    mask[:, 0] = True
    values = rng.normal(size=(4, 9, 17, 1)).astype(np.float32) * mask[:, :, None, None]
    who = np.array([*"abcd"])
    windows = Windows({"aus": values}, {"aus": AUS}, mask, np.zeros((4, 9), int), np.zeros(4), who, who, np.ones(4))
    expected = np.concatenate([values[row][mask[row]] for row in (0, 2)]).mean(axis=0)
    np.testing.assert_allclose(occlusion.train_mean(windows, np.array([0, 2]))["aus"], expected, rtol=1e-5)


@pytest.mark.parametrize("sessions", [[1] * 9, [2, 1, 3, 2]])
def test_a_cue_comes_from_one_other_person_whole(sessions):
    subject = np.repeat([f"s{i}" for i in range(len(sessions))], sessions)
    order = np.random.default_rng(1).permutation(len(subject))
    subject = subject[order]
    found = occlusion.donors(subject, 50, seed=0)
    assert found.shape == (50, len(subject))
    for row in found:
        to = {one: set(subject[row[subject == one]]) for one in subject}
        assert all(len(people) == 1 for people in to.values())
        assert len(set.union(*to.values())) == len(sessions)  # nobody is taken twice
    if sessions == [1] * 9:
        assert all(sorted(row) == [*range(9)] for row in found.tolist())
    assert (found == occlusion.donors(subject, 50, seed=0)).all()
    assert not (found[0] == found[1]).all()

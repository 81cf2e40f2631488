"""A model made by hand that judges by one cue alone: hiding or exchanging that cue hurts, and no other."""

import jax
import numpy as np
import pytest

from mccl_jax.cues import OPENFACE_CUES
from mccl_jax.data.batches import resident
from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings
from mccl_jax.evaluation.held_out import HeldOut
from mccl_jax.insight import occlusion, reliance
from mccl_jax.insight.encoder import Seen, occluded
from mccl_jax.insight.looking import look, with_cues_of
from mccl_jax.insight.scores import Rows

N, T, SEGMENTS = 40, 12, 3
SPECIFICATION = {name: OPENFACE_CUES[name] for name in ("landmarks", "gaze", "aus")}
JUDGED_BY = {"aus": [8], "landmarks": [*range(48, 68)]}  # AU12, or the lips


class ByHand:
    """A network whose embedding is, cue by cue, the mean over all frames of the points that it knows of."""

    cues, segments = tuple(SPECIFICATION), SEGMENTS

    def put(self, tree):
        return tree

    def batches(self, sessions):
        return [sessions]

    def look(self, state, batches, hidden, mean) -> Seen:
        (batch,) = batches
        batch = occluded(batch, hidden, mean)
        mask = np.asarray(batch.mask)

        def token(name: str) -> np.ndarray:
            of_frames = np.asarray(batch.cues[name])[:, :, JUDGED_BY.get(name, [0])].mean(axis=(2, 3))
            return (of_frames * mask).sum(axis=1) / mask.sum(axis=1)

        tokens = np.stack([token(name) for name in self.cues], axis=1)[..., None]
        even = np.full((N, 1, 3, 3), 1 / 3)
        by_segment = np.repeat(tokens[:, :, None], SEGMENTS, axis=2)
        z = self.related(state, tokens, by_segment, None)
        return Seen(z, even, np.full((N, 3, 1, 3, 3), 1 / 3), tokens, by_segment, np.ones((N, 3, SEGMENTS)))

    def embed(self, *arguments):
        return self.look(*arguments).z

    def related(self, state, inter, intra, takes_part):
        return np.stack([inter[..., 0], intra[..., 0].mean(axis=2)], axis=1).astype(np.float32)

    def projected(self, state, z):
        return z


class Judge:
    """Severity is what one cue's token says, in the first view."""

    def __init__(self, cue: str):
        self.at = [*SPECIFICATION].index(cue)

    def predict(self, features):
        return 10 + 8 * features[:, self.at].astype(np.float64)


def corpus():
    """Scaled windows of 2 N sessions, the first half trained on; a latent of each moves all three cues."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=2 * N)
    mask = np.ones((2 * N, T), bool)
    mask[::3, -4:] = False
    cues = {
        name: ((latent[:, None, None, None] + 0.1 * rng.normal(size=(2 * N, T, *cue.shape))) * mask[..., None, None])
        for name, cue in SPECIFICATION.items()
    }
    names = np.array([f"s{i:02d}" for i in range(2 * N)])
    segment = np.where(mask, np.arange(T) * SEGMENTS // T, -1).astype(np.int32)
    severity = 10 + 8 * latent
    windows = Windows(cues, SPECIFICATION, mask, segment, severity, names, names, np.ones(2 * N))
    return windows, np.repeat(["train", "test"], N)


def looked(judge: Judge, spoiled: float = 0.0):
    windows, split = corpus()
    reported = np.flatnonzero(split == "test")
    by_hand = ByHand()
    nothing, mean = occlusion.hidden(None, SPECIFICATION, SEGMENTS), occlusion.train_mean(windows, np.arange(N))
    batch = jax.tree.map(lambda x: x[reported], resident(windows))
    z = by_hand.look({}, [batch], nothing, mean).z + spoiled
    who = windows.session[reported]
    kept = Embeddings(who, who, split[reported], windows.severity[reported], z[:, 0], z[:, 1])
    held_out = HeldOut("", kept, 0, kept, {}, {}, {})
    parts = occlusion.parts(SPECIFICATION, SEGMENTS)
    return look(by_hand, {}, windows, split, held_out, kept, judge, parts, seed=0)


@pytest.mark.parametrize(("cue", "kind", "inside"), [("aus", "aus", "AU12"), ("landmarks", "regions", "lips")])
def test_only_what_the_prediction_rests_on_hurts(cue, kind, inside):
    found = looked(Judge(cue))
    true = found.held_out.reported.target
    rows = Rows(found.held_out.reported.subject, found.held_out.reported.session, np.full(N, ""), 200)

    def effects(of_kind):
        return {k: reliance.effect(rows, true, found.predicted, v) for k, v in found.hidden[of_kind].items()}

    for of_kind, relied_on in (("cues", cue), (kind, inside)):
        for name, effect in effects(of_kind).items():
            if name == relied_on:
                assert effect["lower"] > 3
                assert effect["p"] < 0.01
            else:
                assert (effect["estimate"], effect["change"]["estimate"]) == (0, 0), name
    for name, swapped in found.swapped.items():
        effect = reliance.swap(rows, true, found.predicted, swapped, found.own)
        if name == cue:
            assert effect["lower"] > 3
            assert effect["p"] == pytest.approx(1 / 201)
        else:
            assert (effect["estimate"], effect["p"]) == (0, 1), name
    if kind == "regions":
        beside = reliance.beside_random(effects(kind)[inside], rows, true, found.predicted, found.random[inside])
        assert beside["random"]["share"] == 0
        assert beside["random"]["draws"] == 10


def test_cues_that_are_exchanged_together_come_from_the_same_other_session():
    found = looked(Judge("aus"))
    from_whom = occlusion.donors(found.held_out.reported.subject, 3, 1)
    z = with_cues_of(ByHand(), {}, found.seen, [0, 2], from_whom).reshape(3, N, 2, 3)
    assert np.array_equal(z[..., [0, 2]], found.seen.z[from_whom][..., [0, 2]])
    assert np.array_equal(z[..., 1], np.broadcast_to(found.seen.z[..., 1], (3, N, 2)))


def test_a_model_that_is_another_one_is_refused():
    with pytest.raises(UserError, match="makes other embeddings of the reported sessions"):
        looked(Judge("aus"), spoiled=1.0)

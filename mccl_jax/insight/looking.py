"""One training looked at with the sessions that it reports: predictions with each part hidden, attention, tokens."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from mccl_jax.data.batches import Batch, resident
from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings
from mccl_jax.evaluation.held_out import HeldOut
from mccl_jax.insight.encoder import Encoder, Seen
from mccl_jax.insight.occlusion import REGIONS, Part, as_many, donors, hidden, train_mean
from mccl_jax.models.network import Arrays
from mccl_jax.regressors import Regressor

# Random sets of points beside each region, and exchanges of people beside each cue.
_DRAWS, _EXCHANGES = 10, 200
# Sessions whose tokens are held at once, beside those of one exchange: some 100 MB at the paper's sizes.
_HELD = 1 << 12
# Another device may round otherwise; another model is further off than this share of the largest value.
_SAME = 0.05


@dataclasses.dataclass(frozen=True)
class Looked:
    """N reported sessions of one training, in the order of its embeddings.

    predicted   (N,) with nothing hidden.
    hidden      kind -> name -> (N,) predictions with that part hidden.
    random      region -> (D, N) with as many points hidden, drawn at random.
    swapped     cue -> (P, N) with the cue of another person; own (P, N): it was the same person's, by chance.
    seen        attention, with nothing hidden.
    projected   the embeddings of all sessions, not of the reported ones alone, behind the projection head (M, 2, D).
    """

    held_out: HeldOut
    predicted: np.ndarray
    hidden: Mapping[str, Mapping[str, np.ndarray]]
    random: Mapping[str, np.ndarray]
    swapped: Mapping[str, np.ndarray]
    own: np.ndarray
    seen: Seen
    projected: np.ndarray


def look(
    encoder: Encoder,
    state: Mapping[str, Arrays],
    windows: Windows,
    split: np.ndarray,
    held_out: HeldOut,
    kept: Embeddings,
    regressor: Regressor,
    parts: Sequence[Part],
    seed: int,
) -> Looked:
    """`windows` are scaled, `split` (N,) says who of them is trained on and who reported, `kept` what was made of all.

    Raises UserError where the model makes other embeddings of these sessions than it did when it was trained.
    """
    reported = np.flatnonzero(np.isin(windows.session, held_out.reported.session))
    windows = dataclasses.replace(windows, cues={name: windows.cues[name] for name in encoder.cues})
    specification, segments = {name: windows.specification[name] for name in encoder.cues}, encoder.segments
    mean = encoder.put(train_mean(windows, np.flatnonzero(split == "train")))
    state, batches = encoder.put(state), encoder.batches(_sessions(windows, reported))

    def predict(z: np.ndarray) -> np.ndarray:
        return regressor.predict(z.reshape(len(z), -1))

    def without(part: Part) -> np.ndarray:
        return predict(encoder.embed(state, batches, hidden(part, specification, segments), mean))

    seen = encoder.look(state, batches, hidden(None, specification, segments), mean)
    _check_same(seen, held_out)
    found: dict[str, dict[str, np.ndarray]] = {}
    random = {}
    for part in parts:
        found.setdefault(part.kind, {})[part.name] = without(part)
        if part.kind == REGIONS:
            (cue,) = part.points
            others = as_many(part, len(specification[cue].points), _DRAWS, seed)
            random[part.name] = np.stack([without(one) for one in others])
    from_whom = donors(windows.subject[reported], _EXCHANGES, seed)
    own = windows.subject[reported][from_whom] == windows.subject[reported]
    swapped = {
        cue: predict(with_cues_of(encoder, state, seen, [place], from_whom)).reshape(from_whom.shape)
        for place, cue in enumerate(specification)
    }
    projected = encoder.projected(state, np.stack([kept.z_inter, kept.z_intra], axis=1))
    return Looked(held_out, predict(seen.z), found, random, swapped, own, seen, projected)


def with_cues_of(encoder: Encoder, state, seen: Seen, cues: Sequence[int], from_whom: np.ndarray) -> np.ndarray:
    """(P x N, 2, D): embeddings of all sessions whose tokens of some cues are those of other sessions (P, N).

    `cues` by their places; all of them come from the same other session. A token is made of its cue and of its own
    frames, so it comes with its own length and gaps.
    """
    found = []
    for some in np.array_split(from_whom, -(-from_whom.size // _HELD)):
        at = np.tile(np.arange(some.shape[1]), len(some))
        inter, intra, takes_part = (x[at] for x in (seen.inter_tokens, seen.intra_tokens, seen.takes_part))
        for tokens, source in ((inter, seen.inter_tokens), (intra, seen.intra_tokens), (takes_part, seen.takes_part)):
            tokens[:, cues] = source[some.ravel()][:, cues]
        found.append(encoder.related(state, inter, intra, takes_part))
    return np.concatenate(found)


def _sessions(windows: Windows, rows: np.ndarray) -> Batch:
    """Some of the windows in memory."""
    cues = {name: np.stack([values[row] for row in rows]) for name, values in windows.cues.items()}
    per_session = ("mask", "segment", "severity", "subject", "session", "usable")
    return resident(dataclasses.replace(windows, cues=cues, **{n: getattr(windows, n)[rows] for n in per_session}))


def _check_same(seen: Seen, held_out: HeldOut) -> None:
    kept = np.stack([held_out.reported.z_inter, held_out.reported.z_intra], axis=1)
    if kept.shape != seen.z.shape or not np.abs(seen.z - kept).max() <= _SAME * np.abs(kept).max():
        raise UserError(
            f"{held_out.name or 'model'}: makes other embeddings of the reported sessions than those of its last "
            "epoch; expected the program that trained it: run the training's command again in an empty workdir"
        )

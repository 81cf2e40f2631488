"""--mode=ablate --checkpoint=WORKDIR: what the models of a finished training rely on, attend to, and hold.

Nothing is trained. Each session is looked at by a training that did not see it: of folds each one's own, never the
final model. Leaves insight.json (docs/insight.md) and insight.txt.
"""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tqdm

from mccl_jax.errors import UserError
from mccl_jax.evaluation.described import FILE as DESCRIBED
from mccl_jax.evaluation.described import Described
from mccl_jax.evaluation.embeddings import UNTRAINED, Embeddings
from mccl_jax.evaluation.header import NO_DIAGNOSIS, SIMULATED
from mccl_jax.evaluation.held_out import HeldOut, hold_out
from mccl_jax.evaluation.intervals import TYPE
from mccl_jax.evaluation.options import Options
from mccl_jax.experiment import Experiment
from mccl_jax.files import replacing
from mccl_jax.inference import Model
from mccl_jax.insight import attention, geometry, occlusion, probing, reliance
from mccl_jax.insight.encoder import Encoder
from mccl_jax.insight.looking import Looked, look
from mccl_jax.insight.scores import POSITIVE, Rows
from mccl_jax.modes.evaluate import CONFIG, end_of_training, evaluated, experiment_of, reported
from mccl_jax.modes.material import Material, material_of
from mccl_jax.report.insight_table import insight_table

SCHEMA_VERSION = 1
INSIGHT, TABLE = "insight.json", "insight.txt"
SHOWS = (
    "what this trained model relies on, not what a cue is worth: nothing was trained anew, another training may lean "
    "on another cue that says the same, and no cause of depression is shown"
)
REPLACEMENT = {
    "hidden": "replaced by its train mean, point by point: the mean of that input over all frames with data of the "
    "train sessions, after scaling, in every frame that has data",
    occlusion.MISSING: "all frames of the segment taken away, as if the face had not been tracked",
    "swaps": "the cue of another reported person of the same training, with that person's own length and gaps",
}
# Of labels between people: with fewer, no p would be small beside that of so many labels and views.
_EXCHANGES = 499
HEADS = "Heads of different trainings have nothing to do with each other but their number: see by_training."


def run(workdir: pathlib.Path, say=print) -> None:
    """Writes both files and prints the table. Raises UserError where the training is not finished, or its data gone."""
    workdir = workdir.expanduser()
    if not (workdir / CONFIG).is_file():
        raise UserError(
            f"{workdir}: has no {CONFIG}; expected the workdir of a finished training: correct --checkpoint"
        )
    experiment = experiment_of(workdir)
    options, described = experiment.evaluation, Described.load(workdir / DESCRIBED)
    material = material_of(experiment, say)
    trainings = reported(material.divided)
    files = {name: evaluated(workdir / name, experiment) for name in trainings}
    last = experiment.train.epochs
    held_out = {name: hold_out(name, {last: files[name][last]}, options, iter) for name in trainings}
    kept = {name: Embeddings.load(files[name][last]) for name in trainings}
    looked = _look_at_all(workdir, experiment, material, held_out, kept)
    before = {name: Embeddings.load(of[UNTRAINED]) for name, of in files.items() if UNTRAINED in of}
    rows = _rows([(name, one.held_out.reported) for name, one in looked.items()], options)
    cues = [*next(iter(looked.values())).swapped]
    found = {
        "schema_version": SCHEMA_VERSION,
        "notice": NO_DIAGNOSIS,
        "simulated": options.simulated,
        "simulated_notice": SIMULATED if options.simulated else None,
        "shows": SHOWS,
        "target": options.target,
        "reported_split": options.reported_split,
        "regressor": options.primary,
        "epoch": last,
        "trainings": trainings if len(trainings) > 1 else [],
        "counts": rows.counts,
        "level": options.level,
        "intervals": {"type": TYPE, "covers": "chance in who is reported, not what trainings vary by"},
        "reliance": _reliance([*looked.values()], rows),
        "attention": _attention(looked, rows, cues, options),
        "views": _views(kept, before, {name: one.projected for name, one in looked.items()}, options),
        "decodable": _decodable(kept, described, options),
    }
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    table = insight_table(found)
    for name, content in ((TABLE, table), (INSIGHT, text + "\n")):
        with replacing(workdir / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    say(table)


def _look_at_all(
    workdir: pathlib.Path,
    experiment: Experiment,
    material: Material,
    held_out: dict[str, HeldOut],
    kept: dict[str, Embeddings],
) -> dict[str, Looked]:
    options, looked, encoder = experiment.evaluation, {}, None
    most = max(len(one.reported) for one in held_out.values())
    for name, one in tqdm.tqdm(held_out.items(), desc="looking", unit="training", disable=None):
        arrays, metadata = end_of_training(workdir / name, experiment)
        if metadata["data"] != material.fingerprint:
            raise UserError(
                f"{workdir / name}: was trained on other data than there are now; expected those of its training: "
                "bring them back, or train anew in another --workdir"
            )
        data = material.data(name)
        if encoder is None:  # one for all, which are of one structure
            encoder = Encoder(Model(arrays, metadata).network, min(most, experiment.train.batch_size))
            specification = {cue: data.windows.specification[cue] for cue in encoder.cues}
            parts = occlusion.parts(specification, encoder.segments, experiment.model.masked)
        state = {key: arrays["state"][key] for key in ("params", "batch_stats")}
        regressor = one.fitted[options.primary]
        looked[name] = look(encoder, state, data.windows, data.split, one, kept[name], regressor, parts, options.seed)
    return looked


def _rows(parts: Sequence[tuple[str, Embeddings]], options: Options) -> Rows:
    return Rows(
        np.concatenate([one.subject for _, one in parts]),
        np.concatenate([one.session for _, one in parts]),
        np.repeat([name for name, _ in parts], [len(one) for _, one in parts]),
        options.resamples,
        options.level,
        options.seed,
    )


def _reliance(looked: Sequence[Looked], rows: Rows) -> dict[str, Any]:
    true = np.concatenate([one.held_out.reported.target for one in looked])
    known = np.isfinite(true)
    rows, true = rows.where(known), true[known]

    def pooled(of) -> np.ndarray:
        return np.concatenate([of(one) for one in looked], axis=-1)[..., known]

    predicted = pooled(lambda one: one.predicted)
    found: dict[str, Any] = {
        "unit": "MAE when hidden - MAE",
        "replacement": REPLACEMENT,
        "p": "two-sided, sign flips over subjects; of swaps one-sided, exchanges of people",
        "p_holm": "p adjusted for the number of parts of its kind",
        "counts": rows.counts,
        "mae": rows.mean(np.abs(predicted - true), POSITIVE),
    }
    for kind, names in looked[0].hidden.items():
        family = {}
        for name in names:
            without = pooled(lambda one, kind=kind, name=name: one.hidden[kind][name])
            family[name] = reliance.effect(rows, true, predicted, without)
            if kind == occlusion.REGIONS:
                others = pooled(lambda one, name=name: one.random[name])
                family[name] = reliance.beside_random(family[name], rows, true, predicted, others)
        found[kind] = reliance.adjusted(family)
    own = pooled(lambda one: one.own)
    found["swaps"] = reliance.adjusted(
        {
            cue: reliance.swap(rows, true, predicted, pooled(lambda one, cue=cue: one.swapped[cue]), own)
            for cue in looked[0].swapped
        }
    )
    return found


def _attention(looked: dict[str, Looked], rows: Rows, cues: Sequence[str], options: Options) -> dict[str, Any]:
    arrays = [
        np.concatenate([getattr(one.seen, name) for one in looked.values()])
        for name in ("inter", "intra", "takes_part")
    ]
    severity = np.concatenate([one.held_out.reported.target for one in looked.values()])
    ends = (options.low, options.high)
    each = [rows.training == name for name in looked]
    several = len(looked) > 1
    return {
        "words": attention.WORDS + (f". {HEADS}" if several else ""),
        **attention.mean_attention(*arrays, cues, rows.once),
        "by_band": attention.by_band(*arrays, cues, rows.once, severity, rows.subject, ends),
        "by_training": {
            name: attention.mean_attention(*(x[which] for x in arrays), cues, np.ones(which.sum()))
            for name, which in zip(looked, each, strict=True)
        }
        if several
        else None,
    }


def _views(
    kept: dict[str, Embeddings], before: dict[str, Embeddings], projected: dict[str, np.ndarray], options: Options
) -> dict[str, Any]:
    """Of the embeddings, of the same behind the projection head and, where it was kept, of the untrained encoder's."""

    def of(embeddings: dict[str, Embeddings]) -> dict[str, Any]:
        found = {}
        for name, split in (("train", "train"), ("reported", options.reported_split)):
            parts = [(training, one.of_split(split)) for training, one in embeddings.items()]
            z = (np.concatenate([getattr(one, view) for _, one in parts]) for view in ("z_inter", "z_intra"))
            found[name] = geometry.geometry(_rows(parts, options), *z)
        return found

    behind = {
        name: dataclasses.replace(one, z_inter=projected[name][:, 0], z_intra=projected[name][:, 1])
        for name, one in kept.items()
    }
    found = {"embeddings": of(kept), "projected": of(behind)}
    return found | ({"untrained": of(before)} if before.keys() == kept.keys() else {})


def _decodable(kept: dict[str, Embeddings], described: Described, options: Options) -> dict[str, Any]:
    first = next(iter(kept.values()))
    labels = {"severity": first.target, **described.of(first.session).nuisance}
    rows = _rows([("", first)], options)
    views = {
        name: probing.Probed(
            first.session,
            first.subject,
            {training: of(one) for training, one in kept.items()},
            {training: one.split for training, one in kept.items()},
            options.reported_split,
        )
        for name, of in (
            ("inter", lambda one: one.z_inter),
            ("intra", lambda one: one.z_intra),
            ("both", lambda one: one.features),
        )
    }
    found = {
        label: {view: probing.decoded(probed, values, rows, _EXCHANGES) for view, probed in views.items()}
        for label, values in labels.items()
    }
    cells = {(label, view): one for label, of_label in found.items() for view, one in of_label.items()}
    adjusted = reliance.adjusted(cells)
    return {
        "how": "ridge regression on the embeddings of train, tested on the reported sessions; p against the same with "
        "labels exchanged between people, p_holm adjusted for the number of labels and views",
        "labels": {label: {view: adjusted[label, view] for view in views} for label in labels},
        "identity": {view: probing.identity(probed, rows) for view, probed in views.items()},
    }

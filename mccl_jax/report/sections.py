"""The sections of a report that stand in words and tables, each a function of the contents of a workdir."""

import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

from mccl_jax.evaluation.scoring import certain
from mccl_jax.experiment import NAMES
from mccl_jax.metrics import METRICS
from mccl_jax.report.cells import LOSSES, by_chance, people, readable, reasons, score
from mccl_jax.report.contents import Contents
from mccl_jax.report.markup import Markup, breakable, bullets, definitions, joined, paragraphs, table, tag
from mccl_jax.report.shareable import FEW, LEFT_OUT
from mccl_jax.report.tables import number

# What the metrics say, for a reader who does not know them.
GLOSSARY = {
    "MAE": "mean absolute error: how many points of the scale a prediction is off on average; lower is better",
    "RMSE": "root mean squared error: the same, with large errors counting more; lower is better",
    "CCC": "concordance correlation coefficient: 1 is perfect agreement, 0 none, also where predictions are all equal",
    "Pearson": "correlation: whether higher predictions go with higher severities, whatever their size",
    "F1": "of the positive sessions: the balance of being found and of being called so rightly; 1 is best",
    "Sensitivity": "share of the positive sessions that are called so",
    "Specificity": "share of the negative sessions that are called so",
    "AUROC": "chance that a positive session gets the higher prediction than a negative one; 0.5 is guessing",
}
# Which epoch a protocol scores.
EPOCHS = {
    "last": "last epoch",
    "official": "best epoch, optimistic",
    "inner": "chosen within train",
    "crops": "equally long stretches",
    "all_windows": "all windows",
}
_VERSIONS = ("mccl_jax", "jax", "flax", "optax", "numpy", "scipy", "xgboost-cpu", "orbax-checkpoint", "matplotlib")
_LIMITS = (
    "Not a diagnostic device: no number here is a diagnosis of anybody, and none may be used to decide about a person.",
    "The intervals cover chance in who was reported, for this one trained model; another seed, another corpus, another "
    "camera or tracker, another language or culture would give other numbers.",
    "A questionnaire's score is not a clinician's finding; the model learns to predict the questionnaire.",
    "Errors may differ between groups of people, also between those that no label here tells apart.",
    "Facial behaviour differs for many reasons that have nothing to do with depression: medication, tiredness, "
    "neurological conditions, habits of a culture, and how far away the camera stood.",
    "Who uses such a model on people needs their consent, and the licence of the corpus may forbid it.",
)


def in_short(contents: Contents) -> Markup:
    """The verdict in words, then the headline's error beside every baseline's, and which of them it does not beat."""
    results, primary = contents.results, contents.results["primary"]
    level = results["intervals"]["level"]
    rows = {f"{primary['regressor']} (the headline)": contents.primary["metrics"]["mae"]}
    rows |= {readable(name): scores["metrics"]["mae"] for name, scores in results["baselines"].items()}
    differences = {entry["baseline"]: score(entry["difference"]) for entry in results["comparisons"]}
    columns = {
        "predictor": [*rows],
        f"MAE, with {level:.0%} interval": [score(one) for one in rows.values()],
        "headline minus it": ["", *(differences.get(name, "-") for name in results["baselines"])],
        "what it is": ["this training", *(one["description"] for one in results["baselines"].values())],
    }
    unbeaten = [entry["verdict"] for entry in results["comparisons"] if not _beaten(entry["difference"], level)]
    afterwards = " It was chosen after training." if "primary" in results["changed_after_training"] else ""
    return joined(
        [
            tag("p", results["verdict"], class_="verdict"),
            tag("p", "It is not shown to be better than these:") if unbeaten else None,
            bullets(unbeaten),
            tag(
                "p",
                f"Measured on {people(contents.counts)} whom the model was not trained on, at the last epoch, which "
                f"was fixed before training.{afterwards} The error is in points of {results['target']['name']}"
                f"{_scale(results['target'])}; lower is better.",
            ),
            table("The headline beside what it has to beat", columns, [0]),
        ]
    )


def what_was_run(contents: Contents) -> Markup:
    """Corpus, sessions, model and training in a few facts."""
    results, experiment, split = contents.results, contents.experiment, contents.results["reported_split"]
    corpora = results["corpora"] or {}
    train = results["counts"]["train"]
    if results["folds"]:
        trained = f"in {len(results['folds'])} folds, each on {_range(train, 'n_sessions')} sessions of " + (
            f"{_range(train, 'n_subjects')} subjects"
        )
    else:
        trained = people(train)
    train_options = experiment.train
    facts = {
        "Experiment": experiment.name,
        "Data": NAMES[experiment.data.corpus] + (" layout, SIMULATED" if results["simulated"] else "")
        if not corpora
        else f"trained on {corpora.get('train')}, reported on {corpora.get(split)}",
        "Trained on": trained,
        "Reported on": f"{people(contents.counts)} ({readable(split)})",
        "To be predicted": results["target"]["name"] + _scale(results["target"]),
        "Positive": _positive(results["target"], contents.counts),
        "Cues": ", ".join(experiment.cues),
        "Windows": f"up to {experiment.windows.frames} frames at {experiment.windows.rate:g} a second "
        f"({experiment.windows.seconds:g} s), in {experiment.windows.num_segments} stretches",
        "Training": f"by the {LOSSES[train_options.objective]}, {train_options.epochs} epochs in batches of "
        f"{train_options.batch_size}, seed {experiment.seed}; encoders {results['encoders'] or 'not stated'}",
        "Headline": f"{results['primary']['regressor']} on the embeddings of the last epoch, "
        f"{'CHOSEN AFTER' if 'primary' in results['changed_after_training'] else 'said before'} training",
        "Intervals": f"{results['intervals']['level']:.0%}, {results['intervals']['type']}; they cover "
        f"{results['intervals']['covers']}",
    }
    return joined([definitions(facts), bullets(results["notes"])])


def _positive(target: Mapping[str, Any], counts: Mapping[str, int | None]) -> str | None:
    """Who counts as positive, by a label or by the threshold, and how many do; None where nobody can."""
    if "n_positive" not in counts:
        return None
    n, threshold = counts["n_positive"], target["threshold"]
    told = FEW if n is None else f"{n} of the reported sessions"
    if not target["positive"]:
        return f"at {threshold:g} or more; {told}"
    called = "" if threshold is None else f"; called so at a prediction of {threshold:g} or more"
    return f"who has {target['positive']} 1; {told}{called}"


def preparation(contents: Contents) -> Markup:
    """What the preparation said, word for word."""
    if contents.shareable:
        return tag("p", "Left out of this shareable report: it names recordings and folders.")
    notes = bullets(contents.results["sessions"])
    if contents.preparation is None:
        return joined([tag("p", "There is no preparation.txt in this workdir."), notes])
    return joined([tag("p", "What was prepared, skipped or is odd:"), tag("pre", contents.preparation.rstrip())])


def scores(contents: Contents) -> Markup:
    """Every metric of every protocol beside the baselines, the comparisons, and why a score is missing."""
    results = contents.results
    parts: list[Markup | None] = []
    for name, protocol in results["protocols"].items():
        said = protocol["description"]
        parts += [
            tag("h3", f"Protocol {name}"),
            tag("p", f"{said[:1].upper()}{said[1:]}."),
            _scores_table(f"Scores by the protocol {name}", contents, name),
        ]
    named = results["protocols"][results["primary"]["protocol"]]["models"]
    verdicts = [model["verdict"] for model in named.values()]
    verdicts += [entry["verdict"] for entry in results["comparisons"]]
    detectable = contents.primary["difference_to_baseline"].get("detectable")
    if detectable is not None:
        verdicts.append(
            f"The smallest true difference of MAE that would mostly be found among so few is {number(detectable)}: a "
            "smaller one may be there all the same."
        )
    parts += [tag("h3", "Compared"), bullets([*dict.fromkeys(verdicts)])]
    used = next(iter(results["baselines"].values()))["metrics"]
    glossary = {METRICS[name].label: GLOSSARY[METRICS[name].label] for name in METRICS if name in used}
    parts += [tag("h3", "What the numbers mean"), definitions(glossary)]
    return joined(parts)


def primary_table(title: str, contents: Contents) -> Markup:
    """Every metric of the primary protocol beside the baselines."""
    return _scores_table(f"Scores of {title}", contents, contents.results["primary"]["protocol"])


def _scores_table(title: str, contents: Contents, name: str) -> Markup:
    """Every metric of a protocol, and why one has no value; the headline is emphasised."""
    results, protocol = contents.results, contents.results["protocols"][name]
    names = sorted(protocol["models"], key=lambda which: which != results["primary"]["regressor"])
    rows = {**{which: protocol["models"][which] for which in names}, **results["baselines"]}
    scored = {readable(row): one["metrics"] for row, one in rows.items()}
    first = next(iter(scored.values()))
    columns = {
        "predictor": [readable(row) + _epoch(row, protocol) for row in rows],
        **{
            METRICS[metric].label: [score(of_row[metric]) for of_row in scored.values()]
            for metric in METRICS
            if metric in first
        },
    }
    nulls = {metric: first[metric].get("null") for metric in METRICS if metric in first}
    if any(nulls.values()):
        columns["predictor"].append("by chance")
        for metric, null in nulls.items():
            columns[METRICS[metric].label].append(by_chance(null))
    emphasised = [0] if name == results["primary"]["protocol"] else []
    return joined([table(title, columns, emphasised), bullets(reasons(scored))])


def configuration(contents: Contents) -> Markup:
    """Every option, and the versions of what made this page."""
    rows = {
        tag("code", breakable(key)): tag("code", LEFT_OUT if value == LEFT_OUT else repr(value))
        for key, value in contents.config.items()
    }
    versions = {name: _version(name) for name in _VERSIONS}
    results = contents.results
    return joined(
        [
            definitions(
                {
                    "Schema of results.json": f"version {results['schema_version']}",
                    "Changed after training": ", ".join(results["changed_after_training"]) or "nothing",
                }
            ),
            tag("h3", "Versions of the programs that made this page"),
            definitions({"Python": platform.python_version(), **versions}),
            tag("h3", "Every option, as the training was started"),
            table("The configuration", {"option": [*rows], "value": [*rows.values()]}),
        ]
    )


def limits(contents: Contents) -> Markup:
    """What the numbers must not be used for."""
    experiment = contents.experiment
    own = []
    if contents.results["simulated"]:
        own.append("The data are SIMULATED: nothing here says anything about real people.")
    elif contents.corpus != "openface":
        own.append(f"The reader of {NAMES[contents.corpus]} was written from what others published about the corpus.")
    if mistakes := experiment.official_mistakes:
        own.append(f"Mistakes of the official code are switched on: {', '.join(mistakes)}.")
    intervals = [
        f"Around a single prediction of {name}: {one['explanation']}."
        + ("" if one["coverage"] is None else f" It held for {one['coverage']:.0%} of those reported.")
        for name, of_levels in contents.results["prediction_intervals"].items()
        for one in of_levels
    ]
    return joined([bullets([*own, *_LIMITS]), paragraphs(intervals, class_="soft")])


def _beaten(difference: Mapping[str, Any], level: float) -> bool:
    return certain(difference, level) and difference["upper"] < 0


def _scale(target: Mapping[str, Any]) -> str:
    return "" if None in (target["low"], target["high"]) else f" ({target['low']:g} to {target['high']:g})"


def _range(train: Mapping[str, int | None], key: str) -> str:
    fewest, most = train[f"fewest_{key}"], train[f"most_{key}"]
    told = "fewer than 10" if fewest is None else str(fewest)
    return told if fewest == most else f"{told} to {most}"


def _epoch(row: str, protocol: Mapping[str, Any]) -> str:
    epoch = protocol["models"][row]["epoch"] if row in protocol["models"] else None
    if epoch is None:
        return ""
    return (
        f", epoch\N{NO-BREAK SPACE}{epoch}"
        if isinstance(epoch, int)
        else f", epochs {', '.join(map(str, epoch.values()))}"
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed as a package"

"""The results of one training as plain text, for a terminal or a log: no colour, ASCII, at most 100 columns."""

import io
import textwrap
from typing import Any

import rich.box
import rich.console
import rich.table
import rich.text

from mccl_jax.evaluation.baselines import CONSTANTS
from mccl_jax.evaluation.inner import CHOICE
from mccl_jax.evaluation.intervals import counted
from mccl_jax.evaluation.scoring import p_value
from mccl_jax.metrics import METRICS, Metric, applicable

WIDTH = 100
_NO_VALUE = "-"
# A rule of ASCII below the head and nothing else: four columns of intervals leave no room for frames.
_RULE = rich.box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
# Wider than any table, so that a number is never cut short.
_UNBOUNDED = 1000
# Of the name of a group, which may be any text, so that its row fits.
_LONGEST = 28
# Errors within a group against one who predicts its train mean: no metric of its own.
_DIFFERENCE = "mae_minus_group_mean"


def results_table(results: dict[str, Any]) -> str:
    """Renders `results` (as `evaluation.protocols.evaluate` gives them): each protocol beside the baselines.

    A cell is the metric on the reported sessions and its interval over subjects, "-" where there is none; why stands
    below, with the verdicts and the notes.
    """
    blocks = [_heading(results)]
    for name, protocol in results["protocols"].items():
        blocks += [wrapped(_title(name, protocol, results["encoders"])), *_tables(results, protocol)]
    label = results["target"]["group"]
    for heading, parts in (("Fold by fold", results["folds"]), (f"Within each {label}", results["groups"])):
        if len(parts) > 1:  # a single one is the whole, which stands above
            blocks += [f"{heading}, protocol {results['primary']['protocol']}", _parts(parts)]
    if results["subgroups"]:
        of = results["primary"]
        heading = (
            f"Who it is wrong for: {of['regressor']}, protocol {of['protocol']}; the train mean's MAE on the same "
            "sessions; bias: mean of predicted - true; how many lie within their prediction intervals"
        )
        blocks += [wrapped(heading), _subgroups(results["subgroups"])]
    blocks.append("\n".join(wrapped(line, "  ") for line in _closing(results)))
    return "\n\n".join(blocks) + "\n"


def _heading(results: dict[str, Any]) -> str:
    split, counts = results["reported_split"], results["counts"]
    corpora = {name: f" of {corpus}" for name, corpus in (results["corpora"] or {}).items()}
    if results["folds"]:
        train = f"train, in {len(results['folds'])} folds, " + ", ".join(
            f"{counts['train'][f'fewest_{n}']} to {counts['train'][f'most_{n}']} {what}"
            for n, what in (("n_sessions", "sessions"), ("n_subjects", "subjects"))
        )
    else:
        train = f"train{corpora.get('train', '')} {_counted(results, counts['train'])}"
    reported = f"reported ({split}{corpora.get(split, '')}) {_counted(results, counts[split])}"
    said = f"Prediction of {results['target']['name']}: {train}; {reported}"
    simulated = [results["simulated_notice"]] if results["simulated"] else []
    return "\n".join(map(wrapped, [*simulated, said]))


def _counted(results: dict[str, Any], counts: dict[str, int]) -> str:
    target, n = results["target"], counted(counts["n_sessions"], counts["n_subjects"])
    if "n_positive" not in counts:
        return n
    by_threshold = f"{counts['n_positive']} at or above {target['threshold'] or 0:g}"
    return f"{n}, " + (f"{counts['n_positive']} with {target['positive']} 1" if target["positive"] else by_threshold)


def _title(name: str, protocol: dict[str, Any], encoders: str | None) -> str:
    epochs = {regressor: _epochs(model["epoch"]) for regressor, model in protocol["models"].items()}
    if len(set(epochs.values())) == 1:
        said = next(iter(epochs.values()))
    else:
        said = ", ".join(f"{regressor} {epoch}" for regressor, epoch in epochs.items())
    began = f", {encoders}" if encoders else ""
    return f"Protocol {name} ({said}{began}): {protocol['description']}"


def _epochs(epoch: int | dict[str, int] | None) -> str:
    """One epoch, or those that each fold reports; None where it is not known."""
    if epoch is None:
        return "epoch not known"
    return f"epoch {epoch}" if isinstance(epoch, int) else f"epochs {', '.join(map(str, epoch.values()))} of the folds"


def _rows(results: dict[str, Any], protocol: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name -> scores of the regressors and the baselines."""
    rows = {**protocol["models"], **results["baselines"]}
    return {_cut(name): row["metrics"] for name, row in rows.items()}


def _tables(results: dict[str, Any], protocol: dict[str, Any]) -> list[str]:
    """One table of errors and agreement and, where there is a threshold, one of the two classes."""
    metrics = applicable(results["target"]["threshold"], results["target"]["positive"] is not None)
    groups = ([metric for metric in metrics if metric.of_classes is needs] for needs in (False, True))
    return [_table(_rows(results, protocol), group) for group in groups if group]


def _table(rows: dict[str, dict[str, Any]], metrics: list[Metric]) -> str:
    return rendered({"": [*rows], **{m.label: [cell(scores[m.name]) for scores in rows.values()] for m in metrics}})


def _parts(parts: list[dict[str, Any]]) -> str:
    """Errors in each fold, or in each group: one row a part and predictor."""
    key = _DIFFERENCE if any(_DIFFERENCE in scores for scores in parts[0]["predictors"].values()) else "rmse"
    last = _label(key)
    columns = {name: [] for name in ("", "sessions", "predictor", "MAE", last)}
    for part in parts:
        for i, (name, scores) in enumerate(part["predictors"].items()):
            first = [_part(part), str(part["counts"]["n_sessions"])] if not i else ["", ""]
            cells = [*first, name.replace("_", " "), cell(scores["mae"]), cell(scores[key]) if key in scores else ""]
            for column, text in zip(columns.values(), cells, strict=True):
                column.append(text)
    return rendered(columns, left=("", "predictor"))


def _subgroups(parts: list[dict[str, Any]]) -> str:
    """Errors in each part of the reported sessions, beside the train mean's on the same."""
    levels = next((part["coverage"] for part in parts if part["coverage"]), [])
    rows, by = [], None
    for part in parts:
        if part["by"] != by:
            by = part["by"]
            rows.append([by, *[""] * (4 + len(levels))])
        row = [f"  {_part(part)}", str(part["counts"]["n_sessions"])]
        if part["suppressed"]:
            row += [f"({part['suppressed']})", *[""] * (2 + len(levels))]
        else:
            model, mean = (part["predictors"][name]["mae"] for name in ("model", "train_mean"))
            row += [cell(model), *(cell(one).partition(" ")[0] for one in (mean, part["bias"]))]
            row += [f"{one['share']:.0%}" for one in part["coverage"]]
        rows.append(row)
    names = ["", "n", "MAE", "train mean", "bias", *(f"in {one['level']:.0%}" for one in levels)]
    return rendered({name: [row[i] for row in rows] for i, name in enumerate(names)})


def _label(metric: str) -> str:
    return "MAE - group mean's" if metric == _DIFFERENCE else METRICS[metric].label


def _part(part: dict[str, Any]) -> str:
    return _cut(part["name"])


def _cut(name: str) -> str:
    name = name.replace("_", " ")
    return name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."


def rendered(columns: dict[str, list[str]], left: tuple[str, ...] = ("",)) -> str:
    """Columns of text by their headings, aligned to the right but for those that are named."""
    table = rich.table.Table(box=_RULE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, justify="left" if name in left else "right")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(rich.text.Text, row))
    text = io.StringIO()
    rich.console.Console(file=text, width=_UNBOUNDED, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def cell(score: dict[str, Any]) -> str:
    """A score with its interval."""
    if score["estimate"] is None:
        return _NO_VALUE
    if score["lower"] is None:
        return f"{number(score['estimate'])} [{_NO_VALUE}]"
    return f"{number(score['estimate'])} [{number(score['lower'])}, {number(score['upper'])}]"


def p_cell(p: float) -> str:
    """A p as it stands in a column of such, never 0."""
    return p_value(p).removeprefix("p ").removeprefix("= ")


def number(value: float) -> str:
    """Two decimals, fewer for a target of another size; never "-0.00"."""
    text = next((f"{value:.{digits}f}" for digits, size in ((2, 100), (1, 1000)) if abs(value) < size), f"{value:.4g}")
    return text.lstrip("-") if not text.strip("-0.") else text


def _closing(results: dict[str, Any]) -> list[str]:
    primary, intervals = results["primary"], results["intervals"]
    protocol = results["protocols"][primary["protocol"]]
    verdicts = {name: model["verdict"] for name, model in protocol["models"].items()}
    afterwards = " (CHOSEN AFTER TRAINING)" if "primary" in results["changed_after_training"] else ""
    lines = [f"PRIMARY RESULT{afterwards}: {verdicts.pop(primary['regressor'])}", *verdicts.values()]
    lines += [_chosen(results)] if results["choices"] else []
    lines += [one["verdict"] for one in results["comparisons"] if one["baseline"] not in CONSTANTS]
    lines += _family(results["comparisons"])
    held = [one for one in results["prediction_intervals"][primary["regressor"]] if one["coverage"] is not None]
    lines += [
        f"{one['level']:.0%} intervals around {primary['regressor']}'s predictions held for {one['coverage']:.0%} of "
        "the reported sessions, each by the errors on the others; not valid outside this corpus."
        for one in held
    ]
    lines += _chance(protocol["models"][primary["regressor"]]["metrics"], primary["regressor"], intervals["level"])
    lines += _power(results, protocol["models"][primary["regressor"]]["difference_to_baseline"])
    lines += [f"[ ]: {intervals['level']:.0%} interval, {intervals['type']}; covers {intervals['covers']}."]
    return [
        *lines,
        *_reasons(_rows(results, protocol)),
        *_reasons(_errors_by_part(results["folds"])),
        *_reasons(_errors_by_part(results["groups"])),
        *results["notes"],
        results["notice"],
    ]


def _chosen(results: dict[str, Any]) -> str:
    """What the inner folds of train chose, and what it is worth."""
    chosen = [
        f"{one['regressor']} at epoch {one['epoch'][one['regressor']]}" + (f" ({one['fold']})" if one["fold"] else "")
        for one in results["choices"]
    ]
    said = ", ".join(chosen)
    return f"Protocol inner chose {said}: {results['protocols']['inner']['models'][CHOICE]['verdict']}"


def _family(comparisons: list[dict[str, Any]]) -> list[str]:
    """The p of all comparisons of the headline, corrected for there being several."""
    adjusted = {one["baseline"]: one["difference"].get("p_adjusted") for one in comparisons}
    said = [f"{name.replace('_', ' ')} {p_value(p)}" for name, p in adjusted.items() if p is not None]
    return [f"Corrected for {len(said)} comparisons (Holm): {', '.join(said)}."] if said else []


def _chance(metrics: dict[str, dict[str, Any]], regressor: str, level: float) -> list[str]:
    """Where agreement would lie if predictions had nothing to do with whom they are of."""
    said = [
        f"{_label(name)} {number(null['lower'])} to {number(null['upper'])} ({p_value(null['p'])})"
        for name, score in metrics.items()
        if (null := score.get("null"))
    ]
    where = f"By chance ({regressor}'s predictions dealt anew among the subjects of each fold) {level:.0%} lie at"
    return [f"{where} {', '.join(said)}."] if said else []


def _power(results: dict[str, Any], difference: dict[str, Any]) -> list[str]:
    """What a comparison of so few people could have found."""
    if difference["detectable"] is None:
        return []
    rival, power = difference["baseline"].replace("_", " "), results["tests"]["power"]
    return [
        f"Smallest difference detectable at this n: a true difference of MAE of {number(difference['detectable'])} "
        f"from predicting the {rival} would be found in {power:.0%} of such studies; one that is not found may still "
        "be there."
    ]


def _errors_by_part(parts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Name -> scores of one predictor; why there is none is the same for all. An empty row: never all are alike."""
    rows = {_part(part): next(iter(part["predictors"].values())) for part in parts}
    return {**rows, "": {}}


def _reasons(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Why a metric has no value or no interval, one line for all the metrics that share reason and rows."""
    names_of, labels_of = {}, {}
    for name, scores in rows.items():
        for metric, score in scores.items():
            if score["reason"]:
                names_of.setdefault((metric, score["reason"]), []).append(name)
    for (metric, reason), names in names_of.items():
        who = "" if len(names) == len(rows) else f" of {', '.join(names)}"
        labels_of.setdefault((who, reason), []).append(_label(metric))
    return [f"-: {', '.join(labels)}{who}: {reason}." for (who, reason), labels in labels_of.items()]


def wrapped(line: str, indent: str = "") -> str:
    """A line of words as several of the width of a terminal."""
    return textwrap.fill(line, WIDTH, subsequent_indent=indent)

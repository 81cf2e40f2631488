"""The model card: what a checkpoint is for and what it is worth, as Markdown that lies beside it."""

from collections.abc import Mapping
from typing import Any

from mccl_jax.evaluation.intervals import counted
from mccl_jax.experiment import NAMES, Experiment
from mccl_jax.losses import SEVERITY
from mccl_jax.report.tables import cell

NAME = "README.md"
_METRICS = {"mae": "MAE", "rmse": "RMSE", "ccc": "CCC"}


def model_card(results: Mapping[str, Any], experiment: Experiment) -> str:
    """The card of the model whose scores `results` (results.json) are. Holds no data of single participants."""
    target, split, primary = results["target"], results["reported_split"], results["primary"]
    models = results["protocols"][primary["protocol"]]["models"]
    data, reported = NAMES[experiment.data.corpus], results["counts"][split]
    trained = results["counts"]["train"]
    if results["corpora"]:
        data = " and ".join(results["corpora"].values())
    if results["folds"]:
        of_training = (
            f"One model was trained on all sessions. The scores are not its own: they are those of "
            f"{len(results['folds'])} models of the same making, each trained on {trained['fewest_n_sessions']} to "
            f"{trained['most_n_sessions']} sessions and scored on the others."
        )
    else:
        of_training = f"Trained on {counted(trained['n_sessions'], trained['n_subjects'])}."
    direct = "The network of " if experiment.train.objective == SEVERITY else ""
    rows = {**models, **results["baselines"]}
    table = [f"| | {' | '.join(_METRICS.values())} |", "|---" * (1 + len(_METRICS)) + "|"]
    for name, one in rows.items():
        cells = " | ".join(cell(one["metrics"][metric]) for metric in _METRICS)
        table.append(f"| {name.replace('_', ' ')} | {cells} |")
    lines = [
        f"# Model card: {experiment.name}",
        "",
        *([f"**{results['simulated_notice']}**", ""] if results["simulated"] else []),
        f"**{results['notice']}**",
        "",
        "## Intended use",
        f"Research on how {target['name']} shows in facial behaviour, and on methods that predict it. Not for deciding "
        "about a person, not for screening, not for use without the consent of those who are recorded. The severity is "
        "that of a questionnaire, not a clinician's finding.",
        "",
        "## Model",
        f"{direct}Multi-Cue Contrastive Learning (Wang et al. 2025, doi:10.1109/TCSVT.2025.3533543)"
        f"{', trained on severity directly and not by its contrastive loss,' if direct else ''} on the cues "
        f"{', '.join(experiment.cues)}, up to {experiment.windows.seconds:g} s of a session at "
        f"{experiment.windows.rate:g} frames a second; regressors on its embeddings: {', '.join(models)}, of which "
        f"{primary['regressor']} is the headline. {experiment.train.epochs} epochs, seed {experiment.seed}; encoders "
        f"{results['encoders']}.",
        "",
        "## Data",
        f"{data}{' layout, SIMULATED' if results['simulated'] else ''}. {of_training} Reported ({split}): "
        f"{counted(reported['n_sessions'], reported['n_subjects'])}; none of them was trained on for these scores.",
        "",
        "## Evaluation",
        results["verdict"],
        "",
        f"Scores of the last epoch, fixed before training, with {results['intervals']['level']:.0%} intervals "
        f"({results['intervals']['type']}; {results['intervals']['covers']}):",
        "",
        *table,
        "",
        "## Limits",
        *(f"* {note}" for note in results["notes"]),
        *(
            f"* A single prediction of {name}: {one['explanation']}."
            for name, of_levels in results["prediction_intervals"].items()
            for one in of_levels
        ),
        "* Other people, cameras, trackers, languages and cultures than those of the corpus were not looked at; errors "
        "may differ between groups of people, also those that no label tells apart.",
        "* One trained model: another seed gives other numbers.",
        "",
        "## Licence",
        "The program is under Apache-2.0. The weights were made from the corpus, whose licence may forbid to give them "
        "away. This card holds no data of single participants.",
    ]
    return "\n".join(lines) + "\n"

"""--mode=ablate: a config and the variants of a named grid, each trained anew; one table of what each part is worth."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from mccl_jax.ablations import PARENT, variants
from mccl_jax.errors import UserError
from mccl_jax.evaluation import results
from mccl_jax.evaluation.ablation import Trained, against_parent
from mccl_jax.evaluation.sweeps import SEED
from mccl_jax.experiment import Experiment
from mccl_jax.modes.sweep import train_all
from mccl_jax.report.ablation import ablation_table, as_csv, as_latex, as_markdown
from mccl_jax.sweeps import settings

TABLE = "ablation"


def run(config: Mapping[str, Any], grid: str, sweep: str | None, workdir: pathlib.Path, say=print) -> int:
    """Leaves VARIANT/seed_N of the parent and each variant below `workdir`, and ablation.txt, .csv, .md, .tex, .json.

    `grid` is a name of mccl_jax/ablations.py, `sweep` the seeds, as in "seed=0,1,2"; the config's where it is None. Run
    again, or with another grid or more seeds, it goes on with what is not done. Returns how many trainings failed.
    """
    experiment = Experiment.from_dict(config)
    asked, seeds = variants(grid, experiment), _seeds(sweep) if sweep else [experiment.seed]
    # A sweep trains nobody's baseline; here the parent's stands in the table of all.
    parent = {"train.direct_baseline": experiment.train.direct_baseline}
    names = {PARENT: (PARENT, parent), **{one.folder: (one.name, one.setting) for one in asked if not one.reads}}
    named, of = {}, {}
    for seed in seeds:  # those of one seed one after the other, so that a first table is there early
        for folder, (name, setting) in names.items():
            named[f"{folder}/seed_{seed}"] = {**setting, SEED: seed}
            of[f"{folder}/seed_{seed}"] = name, seed
    read = {}

    def told(scored, failed) -> tuple[str, dict[str, str]]:
        trained, why = {}, {}
        for place, found in scored.items():
            if place not in read:
                read[place] = Trained(found, results.read_predictions(workdir / place))
            trained.setdefault(of[place][0], {})[of[place][1]] = read[place]
        for place, reason in failed.items():
            why.setdefault(of[place][0], {})[of[place][1]] = reason
        table = against_parent(grid, asked, trained, why, seeds)
        files = {
            "txt": ablation_table(table),
            "csv": as_csv(table),
            "md": as_markdown(table),
            "tex": as_latex(table),
            "json": json.dumps(table, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        }
        return files["txt"], {f"{TABLE}.{form}": text for form, text in files.items()}

    return train_all(config, named, workdir, told, say)


def _seeds(sweep: str) -> list[int]:
    found = settings(sweep)
    if any([*setting] != [SEED] or type(setting[SEED]) is not int for setting in found):
        raise UserError(f'--sweep="{sweep}": an ablation is repeated by seeds alone; expected such as "seed=0,1,2"')
    seeds = [setting[SEED] for setting in found]
    if len({*seeds}) < len(seeds):
        raise UserError(f'--sweep="{sweep}": a seed stands there twice; expected each once')
    return seeds

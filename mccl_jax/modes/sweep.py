"""--mode=sweep: one experiment under many settings, trained side by side; one table and one JSON for all of them."""

import contextlib
import copy
import dataclasses
import itertools
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from mccl_jax.buckets import claim
from mccl_jax.errors import UserError
from mccl_jax.evaluation import results
from mccl_jax.evaluation.sweeps import side_by_side
from mccl_jax.experiment import Experiment
from mccl_jax.files import replacing
from mccl_jax.modes import evaluate
from mccl_jax.modes.material import material_of
from mccl_jax.modes.plans import Plan, claimed, refuse_another, refuse_unwritable
from mccl_jax.modes.prepare import builder_of, place_of
from mccl_jax.report.sweeps import sweep_table
from mccl_jax.sweeps import Setting, name_of, names_of, settings
from mccl_jax.training import hosts
from mccl_jax.training.loop import fit, fit_together, structure

SWEEP, TABLE = "sweep.json", "sweep.txt"


def run(config: Mapping[str, Any], sweep: str, workdir: pathlib.Path, say=print) -> int:
    """Leaves a workdir of each setting below `workdir`, sweep.json and sweep.txt; returns how many settings failed.

    `config` are the values of a config, `sweep` what is to differ, in the language of mccl_jax/sweeps.py. Run again, it
    goes on with what is not done. Raises UserError where a setting is none of this config, before any work.
    """
    found = settings(sweep)
    named = dict(zip(names_of(found), found, strict=True))

    def told(scored, failed) -> tuple[str, dict[str, str]]:
        predicted = {name: results.read_predictions(workdir / name) for name in scored}
        told = side_by_side(named, scored, failed, predicted)
        content = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        return sweep_table(told), {SWEEP: content, TABLE: sweep_table(told)}

    return train_all(config, named, workdir, told, say)


def train_all(
    config: Mapping[str, Any],
    named: Mapping[str, Setting],
    workdir: pathlib.Path,
    told: Callable[[Mapping[str, Any], Mapping[str, str]], tuple[str, Mapping[str, str]]],
    say=print,
) -> int:
    """Trains and scores the config under each of the `named` settings, as `run` says; returns how many failed.

    Each has a workdir of its name below `workdir`. `told` gives, from the results of those that are done and why others
    failed, by name, a table and the files, name -> text, that are then to lie in `workdir`; it is asked again and again
    as things get on, in the main process.
    """
    base = Experiment.from_dict(config)
    experiments = {name: _experiment(config, base, name, setting) for name, setting in named.items()}
    if hosts.is_main():
        refuse_unwritable(workdir)
        for name, experiment in experiments.items():
            refuse_another(experiment, workdir / name)
        claim(workdir)
    hosts.agree(
        "settings",
        json.dumps([*named]),
        "is to train other settings than the main process; expected the same --mode, --sweep and --grid for all",
    )
    plans = _plans(experiments, workdir, say)
    scored, failed = {}, {}

    def tell() -> str:
        if not hosts.is_main():
            return ""
        table, files = told(scored, failed)
        for name, text in files.items():
            with replacing(workdir / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        return table

    with claimed(workdir) if hosts.is_main() else contextlib.nullcontext():
        left = {}
        for name, plan in plans.items() if hosts.is_main() else ():
            try:
                plan.refuse_another()
            except UserError as error:
                failed[name] = str(error)
                say(f"FAILED: {name}: {error}")
                continue
            if (done := _scored_before(plan)) is not None:
                scored[name] = done
            else:
                left[name] = _left(plan)
        left, failed = json.loads(hosts.share("left", json.dumps([left, failed])))
        of_all = sum(len(plan.trainings) for plan in plans.values())
        waves = _waves([(name, training) for name, trainings in left.items() for training in trainings], plans)
        say(
            f"sweep: {len(plans)} settings, {len(scored)} of them done; {sum(map(len, left.values()))} of {of_all} "
            f"trainings left, in {len(waves)} waves on {jax.device_count()} devices"
        )
        _score([name for name in left if not left[name]], plans, scored, failed, say)
        for number, wave in enumerate(waves, start=1):
            tell()
            going = [one for one in wave if one[0] not in failed]
            if not going:
                continue
            wave = wave if hosts.several() else going  # of several processes it keeps its size (_sizes)
            say(f"\nwave {number} of {len(waves)}: {', '.join(map(_called, wave))}")
            with contextlib.ExitStack() as stack:
                for name in dict.fromkeys(name for name, _ in wave):
                    stack.enter_context(plans[name].claimed())
                failed |= _train(wave, plans, say)
            ended = []
            for name, training in wave:
                left[name].remove(training)
                if not left[name] and name not in failed:
                    ended.append(name)
            _score(ended, plans, scored, failed, say)
        say("\n" + tell())
    return len(failed)


def _experiment(config: Mapping[str, Any], base: Experiment, name: str, setting: Setting) -> Experiment:
    """The experiment of one setting. Raises UserError that names it where it is none."""
    values = copy.deepcopy(dict(config))
    values["train"] = {**values.get("train", {}), "direct_baseline": False}  # it would double a sweep
    for key, value in setting.items():
        if key == "name":
            raise UserError("--sweep: name is no setting; each setting's workdir is named by its values")
        *sections, last = key.split(".")
        at = values
        for section in sections:
            if not isinstance(at, Mapping) or section not in at:
                raise UserError(f"--sweep: the config has no section of {key!r}; it has {', '.join(config)}")
            at = at[section]
        if not isinstance(at, Mapping) or isinstance(at.get(last), Mapping):
            raise UserError(f"--sweep: {key} is {'a section' if isinstance(at, Mapping) else 'no key'}; name a key")
        at[last] = value
    try:
        experiment = Experiment.from_dict(values)
    except UserError as error:
        raise UserError(f"--sweep: {name}: {error}") from error
    return _with_data_of_its_own(experiment, base, setting)


def _with_data_of_its_own(experiment: Experiment, base: Experiment, setting: Setting) -> Experiment:
    """Where a setting prepares otherwise than the base, its data lie elsewhere, so that neither replaces the other."""

    def preparation(one: Experiment) -> tuple:
        builders = [builder_of(corpus.data) for corpus in one.corpora]
        return one.simulation, [(builder, dataclasses.asdict(config)) for builder, config in builders]

    if preparation(experiment) == preparation(base) or "data.data_dir" in setting:
        return experiment
    here = {key: value for key, value in setting.items() if key.partition(".")[0] in ("simulation", "data", "transfer")}
    place = f"{(base.data.data_dir or str(place_of(base))).rstrip('/')}-{name_of(here)}"
    return dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, data_dir=place))


def _plans(experiments: Mapping[str, Experiment], workdir: pathlib.Path, say) -> dict[str, Plan]:
    """Name -> plan. What several settings share is prepared, and said, once."""
    materials, plans = {}, {}
    for name, experiment in experiments.items():
        try:
            key = _key(experiment)
            if key not in materials:
                materials[key] = material_of(experiment, say)
                say(materials[key].said)
            plan = Plan(experiment, materials[key], workdir / name)
        except UserError as error:
            raise UserError(f"{error} (setting {name})") from error
        if plan.summary not in [other.summary for other in plans.values()]:
            say("\n".join([plan.summary, *plan.notes]))
        plans[name] = plan
    return plans


def _key(experiment: Experiment) -> tuple:
    """All that the material of an experiment depends on."""
    parts = experiment.simulation, experiment.data, experiment.transfer, experiment.windows
    return *parts, experiment.evaluation.reported_split, experiment.train.feeding


def _scored_before(plan: Plan) -> dict[str, Any] | None:
    """The results of a setting that an earlier call finished, as it is asked for now."""
    with contextlib.suppress(UserError):
        done = results.read(plan.workdir)
        before = evaluate.experiment_of(plan.workdir)
        evaluate.end_of_training(plan.workdir / [*plan.trainings][-1], plan.experiment)
        evaluate.refuse_unended(plan.workdir)
        if before.evaluation == plan.experiment.evaluation and not done["changed_after_training"]:
            return done
    return None


def _left(plan: Plan) -> list[str]:
    """The trainings of a setting that have not come to their end."""
    found = []
    for training in plan.trainings:
        try:
            evaluate.end_of_training(plan.workdir / training, plan.experiment)
            evaluate.evaluated(plan.workdir / training, plan.experiment)
        except UserError:
            found.append(training)
    return found


def _waves(left: Sequence[tuple[str, str]], plans: Mapping[str, Plan]) -> list[list[tuple[str, str]]]:
    """Trainings that go side by side: of one structure, at most one a device; those of one setting close together."""
    groups = {}
    for name, training in left:
        plan = plans[name]
        groups.setdefault(structure(plan.experiment_of(training), plan.material.windows), []).append((name, training))
    waves = []
    for group in groups.values():
        devices = 1 if plans[group[0][0]].experiment.train.parallelism == "pmap" else jax.device_count()
        rest = iter(group)
        waves += [[*itertools.islice(rest, size)] for size in _sizes(len(group), devices, hosts.several())]
    return waves


def _sizes(left: int, devices: int, even: bool) -> list[int]:
    """How many of the trainings `left` each wave has, as many as it can.

    `even`: only as many as use all `devices`, for of several processes none may be without a part.
    """
    sizes = []
    while left:
        size = min(left, devices)
        while even and devices % size:
            size -= 1
        sizes.append(size)
        left -= size
    return sizes


def _train(wave: Sequence[tuple[str, str]], plans: Mapping[str, Plan], say) -> dict[str, str]:
    """Trains a wave; name of a setting -> why it failed. What stops the wave as a whole is looked for one by one."""
    runs = [plans[name].run(training, _called((name, training))) for name, training in wave]
    failed = {}
    try:
        for place, error in fit_together(runs, say).items():
            failed.setdefault(wave[place][0], _why(wave[place], error))
    except UserError as error:
        if hosts.several():  # the others may not have met it
            raise
        if len(runs) == 1:
            return {wave[0][0]: _why(wave[0], error)}
        say(f"{error}\none after the other, then:")
        for one, alone in zip(wave, runs, strict=True):
            try:
                fit(alone, say)
            except UserError as error:
                failed.setdefault(one[0], _why(one, error))
    for name, why in failed.items():
        say(f"FAILED: {name}: {why}")
    return failed


def _score(names: Sequence[str], plans: Mapping[str, Plan], scored: dict, failed: dict, say) -> None:
    """Scores settings whose trainings have ended; results go to `scored`, or why there are none to `failed`.

    Of several processes the main one has the results.
    """
    for name in names:
        plan = plans[name]
        try:
            with plan.claimed():
                plan.evaluate(hosts.quiet)
            if hosts.is_main():
                scored[name] = results.read(plan.workdir)
                say(f"{name}: {scored[name]['verdict']}")
        except UserError as error:
            if hosts.several():  # the others may not have met it
                raise
            failed[name] = str(error)
            say(f"FAILED: {name}: {error}")


def _called(one: tuple[str, str]) -> str:
    name, training = one
    return f"{name}/{training}" if training else name


def _why(one: tuple[str, str], error: UserError) -> str:
    _, training = one
    return f"{training}: {error}" if training else str(error)

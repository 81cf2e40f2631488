"""How often do intervals of several types hold the true value, for as few people as the corpora have?

python benchmarks/coverage.py               about 18 minutes on one core
python benchmarks/coverage.py --sets=200

2,000 data sets a setting are drawn from a population whose true metrics are known: a skewed severity (as PHQ-8 scores
are) or one of two humps (controls and patients), and predictors whose correlation with it is 0.2, 0.4 and 0.6 in turn,
as far drawn to the mean as fits that. For each data set every type of interval at 95 % is made, of every metric of the
program and of what MAE is above that of predicting the median. Printed is the share that holds the true value; "-"
where fewer than half of the sets have an interval, because calls or positives are too few; and, over all settings of 35
and more people, how far these shares lie below 95 % (0 where above), the mean and the most: the program's type, `t,
scale without ends`, was chosen by it. Last, the paired test: how often its p is below 0.05 where two predictors are
equally good, one a constant, the other made as bad as it by a bias.
"""

import math
import os
import pathlib
import platform
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import scipy
from absl import app, flags
from scipy.special import ndtr, ndtri, stdtrit

from mccl_jax.evaluation.comparison import paired_test
from mccl_jax.evaluation.intervals import ENDLESS, jackknife_interval, without_each
from mccl_jax.metrics import METRICS

SETS = flags.DEFINE_integer("sets", 2000, "Data sets a setting.")
LEVEL, RESAMPLES, THRESHOLD, POPULATION = 0.95, 1000, 10.0, 150_000
CORRELATIONS = (0.2, 0.4, 0.6)
# People, most sessions of one, folds.
SETTINGS = ((10, 1, 1), (35, 1, 1), (44, 1, 1), (100, 1, 1), (35, 3, 1), (44, 1, 5))
DIFFERENCE, OWN = "difference", "t, scale without ends"
NAMES = (*METRICS, DIFFERENCE)
SHORT = {"sensitivity": "sens.", "specificity": "spec.", DIFFERENCE: "MAE diff."}
# What the paired test's other predictor says of everybody.
CONSTANT = 9.0
TYPES = ("percentile", "percentile, expanded", "basic", "BCa", "BCa, expanded", "t, bootstrap", "t, jackknife", OWN)
# Where fewer of the sets have an interval than this, no coverage is given.
LEAST = 0.5


def severities(kind: str, people: int, rng: np.random.Generator) -> np.ndarray:
    """(people,) whole scores."""
    if kind == "skewed":
        return np.clip(np.round(rng.gamma(1.3, 5, people)), 0, 24)
    controls, patients = np.clip(rng.gamma(1.2, 2.2, people), 0, 9), np.clip(rng.normal(17, 4.5, people), 5, 27)
    return np.round(np.where(rng.random(people) < 0.4, patients, controls))


def data_set(kind: str, people: int, most: int, correlation: float, rng: np.random.Generator) -> tuple:
    """(true, predicted, subject), (N,) each; with several sessions a person, these are alike, but not the same."""
    mean, deviation = {"skewed": (6.42, 5.38), "two humps": (8.34, 7.79)}[kind]
    subject = np.repeat(np.arange(people), rng.integers(1, most + 1, people))
    true, own = severities(kind, people, rng)[subject], rng.normal(size=people)[subject]
    if most > 1:
        true = np.clip(np.round(true + rng.normal(0, 2, len(true))), 0, 27)
        own = math.sqrt(0.7) * own + math.sqrt(0.3) * rng.normal(size=len(true))
    known = correlation * (true - mean) + math.sqrt(1 - correlation**2) * deviation * own
    return true, mean + correlation * known, subject


def score_of(name: str, true: np.ndarray, predicted: np.ndarray, fold: np.ndarray | None = None):
    """A function of weights: a metric, or what MAE is above that of predicting the median."""
    if name == DIFFERENCE:
        mae = METRICS["mae"]
        return lambda weights: mae(true, predicted, weights) - mae(true, np.full(len(true), 5.0), weights)
    return lambda weights: METRICS[name](true, predicted, weights, threshold=THRESHOLD, fold=fold)


def true_values(kind: str, most: int, correlation: float) -> dict[str, float]:
    """Of the population, by one large sample."""
    true, predicted, _ = data_set(kind, POPULATION, most, correlation, np.random.default_rng(1))
    values = {name: float(score_of(name, true, predicted)(np.ones(len(true)))) for name in NAMES if name != "auroc"}
    positive, rank = true >= THRESHOLD, np.argsort(np.argsort(predicted)) + 1
    pairs = positive.sum() * (~positive).sum()
    return values | {"auroc": float((rank[positive].sum() - positive.sum() * (positive.sum() + 1) / 2) / pairs)}


def intervals(name: str, estimate: float, drawn: np.ndarray, without: np.ndarray) -> dict[str, tuple[float, float]]:
    """Type -> ends, from a metric's values in bootstrap resamples of people and without each of them."""
    drawn, people, tail = drawn[np.isfinite(drawn)], len(without), (1 - LEVEL) / 2
    quantile = float(stdtrit(people - 1, 1 - tail))
    # Hesterberg 2015, "What teachers should know about the bootstrap": tails as wide as t's.
    wider = float(ndtr(-math.sqrt(people / (people - 1)) * quantile))
    # Efron 1987, "Better bootstrap confidence intervals": bias, and acceleration by the jackknife.
    bias = ndtri(np.clip(((drawn < estimate).mean() + (drawn <= estimate).mean()) / 2, 1e-4, 1 - 1e-4))
    off = without.mean() - without
    acceleration = (off**3).sum() / (6 * (off**2).sum() ** 1.5 + 1e-300)

    def corrected(share):
        shifted = bias + ndtri(share)
        return float(ndtr(bias + shifted / (1 - acceleration * shifted)))

    shares = [tail, 1 - tail, wider, 1 - wider, *map(corrected, (tail, 1 - tail, wider, 1 - wider))]
    ends = np.quantile(drawn, shares)
    by_bootstrap = quantile * drawn.std() * math.sqrt(people / (people - 1))
    by_jackknife = quantile * math.sqrt((people - 1) / people * (off**2).sum())
    own = jackknife_interval(estimate, without, LEVEL, ENDLESS if name == DIFFERENCE else METRICS[name].ends)
    return {
        "percentile": (ends[0], ends[1]),
        "percentile, expanded": (ends[2], ends[3]),
        "basic": (2 * estimate - ends[1], 2 * estimate - ends[0]),
        "BCa": (ends[4], ends[5]),
        "BCa, expanded": (ends[6], ends[7]),
        "t, bootstrap": (estimate - by_bootstrap, estimate + by_bootstrap),
        "t, jackknife": (estimate - by_jackknife, estimate + by_jackknife),
        OWN: (own.lower, own.upper),
    }


def coverage(kind: str, people: int, most: int, folds: int) -> dict[tuple[str, str], float]:
    """(type, metric) -> share of the intervals that hold the true value."""
    values = {correlation: true_values(kind, most, correlation) for correlation in CORRELATIONS}
    held = {(of_type, name): [] for of_type in TYPES for name in NAMES}
    drawn = np.random.default_rng(0).multinomial(people, np.full(people, 1 / people), RESAMPLES).astype(np.float64)
    for i in range(SETS.value):
        rng = np.random.default_rng([people, most, folds, i])
        correlation = CORRELATIONS[i % len(CORRELATIONS)]
        true, predicted, subject = data_set(kind, people, most, correlation, rng)
        times = drawn if most == 1 else drawn[:, subject]
        for name in NAMES:
            score = score_of(name, true, predicted, subject % folds)
            estimate, without = float(score(np.ones(len(true)))), score(without_each(subject))
            ends = () if name == DIFFERENCE else METRICS[name].ends
            if not np.isfinite([estimate, *without]).all() or (name not in ("mae", "rmse") and estimate in ends):
                continue  # nor does the program give one
            for of_type, (lower, upper) in intervals(name, estimate, score(times), without).items():
                held[of_type, name].append(lower <= values[correlation][name] <= upper)
    return {key: np.mean(one) if len(one) >= LEAST * SETS.value else math.nan for key, one in held.items()}


def errs(people: int, kind: str) -> float:
    """How often the paired test finds a difference between two predictors that are equally good."""
    found, bias = [], {correlation: bias_of(kind, correlation) for correlation in CORRELATIONS}
    for i in range(SETS.value):
        rng, correlation = np.random.default_rng([people, i]), CORRELATIONS[i % len(CORRELATIONS)]
        true, predicted, subject = data_set(kind, people, 1, correlation, rng)
        losses = np.abs(predicted + bias[correlation] - true), np.abs(CONSTANT - true)
        found.append(paired_test(*losses, subject, resamples=RESAMPLES, seed=i))
    return float(np.mean(np.array(found) < 0.05))


def bias_of(kind: str, correlation: float) -> float:
    """What must be added to a predictor for its true MAE to be that of the constant."""
    true, predicted, _ = data_set(kind, POPULATION, 1, correlation, np.random.default_rng(1))
    low, high = 0.0, 10.0
    for _ in range(30):
        bias = (low + high) / 2
        better = np.abs(predicted + bias - true).mean() < np.abs(CONSTANT - true).mean()
        low, high = (bias, high) if better else (low, bias)
    return low


def main(_) -> None:
    print(
        f"SIMULATED; {os.cpu_count()} cores, one used, Python {platform.python_version()}, numpy {np.__version__}, "
        f"scipy {scipy.__version__};\n{SETS.value} data sets a setting, {RESAMPLES} resamples; coverage in %"
    )
    short, begin = {one: [] for one in TYPES}, time.perf_counter()
    heading = "".join(f"{SHORT.get(name) or METRICS[name].label:>10}" for name in NAMES)
    for kind in ("skewed", "two humps"):
        for people, most, folds in SETTINGS:
            several = f", 1 to {most} sessions each" if most > 1 else ""
            within = f", in {folds} folds" if folds > 1 else ""
            print(f"\n{kind}, {people} people{several}{within}\n{'':22}{heading}")
            found = coverage(kind, people, most, folds)
            for of_type in TYPES:
                shares = [found[of_type, name] for name in NAMES]
                cells = ("-" if math.isnan(share) else f"{100 * share:.1f}" for share in shares)
                print(f"{of_type:22}" + "".join(f"{cell:>10}" for cell in cells), flush=True)
                if people >= 35:
                    short[of_type] += [max(0.0, LEVEL - share) for share in shares if not math.isnan(share)]
    print("\nbelow 95 %, over all settings of 35 and more people: mean and most")
    for of_type, gaps in short.items():
        print(f"{of_type:22}{100 * np.mean(gaps):10.2f}{100 * np.max(gaps):10.1f}")
    print("\npaired test, 5 % level: finds a difference where there is none, in %")
    for kind in ("skewed", "two humps"):
        found = (f"{people} people {100 * errs(people, kind):.1f}" for people in (35, 44, 100))
        print(f"{kind:22}{', '.join(found)}", flush=True)
    print(f"{(time.perf_counter() - begin) / 60:.0f} minutes")


if __name__ == "__main__":
    app.run(main)

"""Severity and the session latents that carry it: the part of the model that the oracle knows.

Severity y in 0..24 is beta-binomial, skewed as PHQ-8 scores are. With s the standardised severity, every latent l is

    l = r s + sqrt(1 - r^2) e,                          e ~ N(0, 1), r = signal x effect,

and for the two latents (a, b) of a coupling, of which each alone is N(0, 1) at every severity,

    a = u,   b = rho(y) a + sqrt(1 - rho(y)^2) v,       u, v ~ N(0, 1), rho(y) = signal x effect x (1 - 2 F(y)),

with F the mid-distribution function of y, so that rho has mean 0 over y: whatever `signal` is, every latent has mean 0
and variance 1, and a and b are uncorrelated over the corpus.
"""

import numpy as np
from scipy.stats import betabinom

from data_builders.simulator.options import Options

LINEAR = ("smile_rate", "smile_amplitude", "head_motion", "gaze_down", "speech_trend")
COUPLED = {"tension_sway": ("tension", "sway"), "speech_wander": ("speech", "wander")}
LATENTS = LINEAR + tuple(latent for pair in COUPLED.values() for latent in pair)
CONFOUNDED = ("duration", "gender", "distance")

SCORES = np.arange(25)
# Mean 6.7, standard deviation 5.7, 29 % at 10 or more.
PRIOR = betabinom(24, 0.84, 2.17).pmf(SCORES)
_MEAN = PRIOR @ SCORES
_DEVIATION = np.sqrt(PRIOR @ (SCORES - _MEAN) ** 2)
# s(y) and F(y) for every score y.
STANDARDISED = (SCORES - _MEAN) / _DEVIATION
_MID_DISTRIBUTION = np.cumsum(PRIOR) - PRIOR / 2


def loadings(options: Options) -> np.ndarray:
    """(5,) r of each linear latent."""
    return options.signal * np.array([getattr(options.effects, name) for name in LINEAR])


def correlations(options: Options) -> np.ndarray:
    """(2, 25) rho of each coupling at every score."""
    strengths = options.signal * np.array([getattr(options.effects, name) for name in COUPLED])
    return strengths[:, None] * (1 - 2 * _MID_DISTRIBUTION)


def draw_severity(rng: np.random.Generator, lowest: int = 0, highest: int = 24) -> int:
    """A score from the prior cut off below `lowest` and above `highest`."""
    sums = np.cumsum(PRIOR[lowest : highest + 1])
    return lowest + int(np.searchsorted(sums[:-1], rng.random() * sums[-1], side="right"))


def deal(total: int, highest: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`total` points of a score dealt at random to its items, each of which takes up to its `highest`."""
    points = rng.permutation(np.repeat(np.arange(len(highest)), highest))[:total]
    return np.bincount(points, minlength=len(highest))


def draw_latents(severity: np.ndarray, options: Options, rng: np.random.Generator) -> np.ndarray:
    """(N,) scores -> (N, 9) latents in the order of LATENTS; the noise is the same whatever the strengths are."""
    linear = _mixed(loadings(options), STANDARDISED[severity, None], rng.standard_normal((len(severity), len(LINEAR))))
    first = rng.standard_normal((len(severity), len(COUPLED)))
    second = _mixed(correlations(options).T[severity], first, rng.standard_normal(first.shape))
    pairs = np.stack([first, second], axis=2)
    return np.concatenate([linear, pairs.reshape(len(severity), -1)], axis=1)


def draw_confounded(severity: int, options: Options, rng: np.random.Generator) -> dict[str, float]:
    """Standard normal duration, gender and distance of a session, by name."""
    strengths = np.array([getattr(options.confounds, name) for name in CONFOUNDED])
    values = _mixed(strengths, STANDARDISED[severity], rng.standard_normal(len(CONFOUNDED)))
    return dict(zip(CONFOUNDED, values.tolist(), strict=True))


def log_likelihood(latents: np.ndarray, options: Options) -> np.ndarray:
    """log p(latents | y) up to a constant for every score y: (N, 9) -> (N, 25)."""
    r = loadings(options)
    linear = latents[:, : len(LINEAR)]
    deviations = linear[:, :, None] - r[:, None] * STANDARDISED
    logs = -0.5 * np.sum(deviations**2 / (1 - r**2)[:, None], axis=1)
    pairs = latents[:, len(LINEAR) :].reshape(len(latents), len(COUPLED), 2)
    for rho, first, second in zip(correlations(options), *pairs.transpose(2, 1, 0), strict=True):
        left = 1 - rho**2
        logs -= 0.5 * np.log(left) + 0.5 * (second[:, None] - rho * first[:, None]) ** 2 / left
    return logs


def _mixed(strength: np.ndarray, cause: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return strength * cause + np.sqrt(1 - strength**2) * noise

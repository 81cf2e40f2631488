"""Random processes in continuous time, seen at `fps` frames a second: their statistics do not depend on `fps`."""

import math

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import lfilter


def ornstein_uhlenbeck(
    rng: np.random.Generator, frames: int, fps: float, relaxation: float, columns: int
) -> np.ndarray:
    """(frames, columns) stationary Gaussian noise of variance 1 whose correlation falls as exp(-lag / relaxation)."""
    decay = math.exp(-1 / (fps * relaxation))
    start = rng.standard_normal((1, columns))
    noise = rng.standard_normal((frames, columns))
    return lfilter([math.sqrt(1 - decay**2)], [1, -decay], noise, axis=0, zi=decay * start)[0]


def renewals(rng: np.random.Generator, rate: float, seconds: float, regularity: float = 3.0) -> np.ndarray:
    """Times, in seconds, of events at `rate` a second; gaps are gamma with shape `regularity` (1 is Poisson)."""
    expected = rate * seconds
    gaps = rng.gamma(regularity, 1 / (regularity * rate), math.ceil(expected + 10 * math.sqrt(expected) + 10))
    # As if it had begun long ago: a random part of a gap, and the gap that covers a given moment is a longer one.
    gaps[0] = rng.random() * rng.gamma(regularity + 1, 1 / (regularity * rate))
    times = np.cumsum(gaps)
    return times[times < seconds]


def events(
    frames: int,
    fps: float,
    onsets: np.ndarray,
    rise: np.ndarray,
    hold: np.ndarray,
    fall: np.ndarray,
    height: np.ndarray,
) -> np.ndarray:
    """(frames,) the highest of the events at each frame: a smooth rise, an apex and a smooth fall each, in seconds."""
    level = np.zeros(frames)
    for onset, up, apex, down, top in zip(onsets, rise, hold, fall, height, strict=True):
        end = onset + up + apex + down
        span = slice(math.ceil(onset * fps), min(math.floor(end * fps) + 1, frames))
        time = np.arange(span.start, span.stop) / fps
        shape = np.minimum(_smooth_step((time - onset) / up), _smooth_step((end - time) / down))
        level[span] = np.maximum(level[span], top * shape)
    return level


def bouts(
    rng: np.random.Generator, frames: int, fps: float, on: float, off: float, regularity: float = 4.0
) -> np.ndarray:
    """(frames,) 0..1: stretches of `on` seconds in the mean with pauses of `off` seconds, blurred over 0.3 s."""
    seconds = frames / fps
    pairs = math.ceil(2 * seconds / (on + off)) + 10
    lengths = rng.gamma(regularity, np.tile([on, off], pairs) / regularity)
    boundaries = np.cumsum(lengths) - rng.random() * lengths[:2].sum()
    active = np.searchsorted(boundaries, np.arange(frames) / fps) % 2 == 0
    return uniform_filter1d(active.astype(float), max(1, round(0.3 * fps)), mode="nearest")


def _smooth_step(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)

"""What a convolutional network would make of a simulated face: 2048 features a frame, behind its last pooling.

A face is described by what can be seen of it, blocks of numbers of about unit size: expression, turn of the head,
direction of the eyes, light, and whose face it is. A network of two layers with fixed random weights, the same for
every corpus, makes features of them:

    h = tanh(sum over blocks of gain x A_block x / sqrt(size of the block)),   y = max(0, B h / sqrt(256) + 0.1 + noise)

No picture is rendered, and the network was trained on nothing.
"""

import functools

import numpy as np

from data_builders.simulator.behaviour import Behaviour
from data_builders.simulator.faces import TEMPLATE
from data_builders.simulator.processes import ornstein_uhlenbeck
from data_builders.simulator.subjects import Subject
from mccl_jax.cues import DEEP, OPENFACE_AUS

HIDDEN = 256
# Block -> its size, and its gain. Whose face it is counts little, as in a network that was taught expressions: where it
# counts most it hides the rest, and in the features of 200 sessions alone no severity was found.
BLOCKS = {
    "expression": (len(OPENFACE_AUS), 1.5),
    "turn": (3, 0.6),
    "eyes": (2, 0.6),
    "light": (4, 0.2),
    "identity": (TEMPLATE.size, 0.4),
}
# Features are whole multiples of it, so that files shrink and the last bits of a processor's arithmetic do not matter.
STEP = 1 / 64
_WEIGHTS_SEED = 2048
_RADIANS = 0.1  # about one standard deviation of how head and eyes turn
_MILLIMETRES = 3.0  # and of how far points lie from where they lie in the mean face
_NOISE = 0.05


def deep_features(behaviour: Behaviour, subject: Subject, fps: float, rng: np.random.Generator) -> np.ndarray:
    """(F, 2048) float32, none of them negative, of a behaviour of F frames."""
    frames = len(behaviour.aus)
    blocks = {
        "expression": subject.mobility * behaviour.aus,
        "turn": behaviour.rotation / _RADIANS,
        "eyes": behaviour.eyes / _RADIANS,
        "light": ornstein_uhlenbeck(rng, frames, fps, 20.0, BLOCKS["light"][0]),
        "identity": (subject.face - TEMPLATE).reshape(1, -1) / _MILLIMETRES,
    }
    first, second = _weights()
    hidden = np.tanh(sum(values @ first[name] for name, values in blocks.items()))
    activations = hidden @ second + 0.1 + _NOISE * rng.standard_normal((frames, len(DEEP.points)))
    return (np.round(np.maximum(activations, 0) / STEP) * STEP).astype(np.float32)


@functools.cache
def _weights() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Of both layers: block -> (its size, 256), and (256, 2048)."""
    rng = np.random.default_rng(_WEIGHTS_SEED)
    first = {name: gain / np.sqrt(size) * rng.standard_normal((size, HIDDEN)) for name, (size, gain) in BLOCKS.items()}
    return first, rng.standard_normal((HIDDEN, len(DEEP.points))) / np.sqrt(HIDDEN)

"""How far bfloat16 takes the small golden batch: `python -m tests.golden.precision` prints it."""

import numpy as np

from tests.golden import official, ours


def differences() -> dict[str, float]:
    """From the golden values as a share of the largest entry; of the gradient, norm and cosine against float32's."""
    _, step = ours.in_bfloat16()
    golden = official.values()
    found = {
        f"z_{view}": official.error(getattr(step.views, view).z, golden[f"small/train/{view}/z"])
        for view in ("inter", "intra")
    }
    found["loss"] = official.error(step.metrics["loss"][0], golden["small/train/loss"])
    statistics = ours.by_layer(step.statistics, ours.OFFICIAL)
    found["running statistics"] = max(
        official.error(x, golden[f"small/train/running/{name}"]) for name, x in statistics.items()
    )
    expected, narrow = (
        np.concatenate([np.ravel(gradient[name]) for name in sorted(gradient)]).astype(float)
        for gradient in (ours.course("float32").steps[0].gradient, step.gradient)
    )
    norms = np.linalg.norm(narrow), np.linalg.norm(expected)
    return found | {
        "norm of the gradient": float(abs(norms[0] / norms[1] - 1)),
        "1 - cosine of the gradient": float(1 - narrow @ expected / (norms[0] * norms[1])),
    }


if __name__ == "__main__":
    for what, share in differences().items():
        print(f"{what:28} {share:.2%}")

"""What --mode=ablate refuses before any work, and how its trainings are called."""

import pytest

from configs import simulated
from mccl_jax.errors import UserError
from mccl_jax.modes import ablate


@pytest.mark.parametrize(
    ("grid", "sweep", "words"),
    [
        ("cues", "train.temperature=0.1", "an ablation is repeated by seeds alone; expected such as"),
        ("cues", "seed=0,1 * train.floor=0.1", "by seeds alone"),
        ("cues", "seed=1.5", "by seeds alone"),
        ("cues", "seed=1,1", "a seed stands there twice"),
        ("cues", "seed=-1", "parent/seed_-1: seed is -1: expected 0 or more"),
    ],
)
def test_what_is_no_ablation_is_one_line(tmp_path, grid, sweep, words):
    with pytest.raises(UserError, match=words) as caught:
        ablate.run(simulated.get_config().to_dict(), grid, sweep, tmp_path / "ablation")
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_each_variant_is_trained_with_each_seed(tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(ablate, "train_all", lambda config, named, workdir, told, say: asked.update(named) or 0)
    config = simulated.get_config().to_dict()
    ablate.run(config, "loss", "seed=3,5", tmp_path)
    assert asked == {
        "parent/seed_3": {"train.direct_baseline": True, "seed": 3},
        "trained_on_severity/seed_3": {"train.objective": "severity", "seed": 3},
        "parent/seed_5": {"train.direct_baseline": True, "seed": 5},
        "trained_on_severity/seed_5": {"train.objective": "severity", "seed": 5},
    }
    asked.clear()
    ablate.run(config, "modules", None, tmp_path)
    assert list(asked)[:2] == ["parent/seed_0", "without_CCAI/seed_0"]

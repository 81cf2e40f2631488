"""The model card says what must be known of a checkpoint before it is used."""

from mccl_jax.experiment import on_severity
from mccl_jax.report.card import model_card


def test_it_says_what_the_model_is_for_and_worth(contents_of):
    contents = contents_of(low=0.0)
    text = model_card(contents.results, contents.experiment)
    for words in (
        "SIMULATED",
        "not a diagnostic device",
        contents.results["verdict"],
        "Trained on 40 sessions of 20 subjects.",
        "20 sessions of 10 subjects",
        "95% intervals",
        "training variance excluded",
        "Apache-2.0",
        "This card holds no data of single participants.",
        *(f"* {note}" for note in contents.results["notes"]),
    ):
        assert words in text, words
    mae = contents.results["baselines"]["train_mean"]["metrics"]["mae"]
    assert f"| train mean | {mae['estimate']:.2f} [{mae['lower']:.2f}, {mae['upper']:.2f}] |" in text
    assert "person" not in text.replace("about a person", "")
    assert "/secret" not in text


def test_with_folds_it_says_that_no_score_is_the_models_own(contents_of):
    contents = contents_of(folds=3, simulated=False)
    text = model_card(contents.results, contents.experiment)
    assert "The scores are not its own" in text
    assert "3 models of the same making, each trained on 40 to 40 sessions" in text
    assert "SIMULATED" not in text


def test_it_does_not_call_contrastive_what_was_trained_on_severity(contents_of):
    contents = contents_of()
    words = "The network of Multi-Cue Contrastive Learning", "trained on severity directly"
    for experiment in (contents.experiment, on_severity(contents.experiment)):
        text = model_card(contents.results, experiment)
        assert [word in text for word in words] == [experiment is not contents.experiment] * 2

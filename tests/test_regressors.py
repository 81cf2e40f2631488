"""XGBoost against the library itself, ridge against refitting without each subject, and what both refuse."""

import json

import numpy as np
import pytest
import xgboost

from mccl_jax import regressors
from mccl_jax.errors import UserError

NAMES = sorted(regressors.REGRESSORS)


def data(sessions=60, features=20, each=1, seed=0):
    """features (N, D) float32, a skewed target that depends on them, and subjects with `each` sessions."""
    rng = np.random.default_rng(seed)
    subject = np.arange(sessions) // each
    x = rng.normal(size=(sessions, features)) + rng.normal(size=(sessions, features))[subject] * 0.7 + 3
    target = np.round(np.exp(0.5 * x[:, 0] - 1) + rng.gamma(1.3, 2, sessions))
    return x.astype(np.float32), target, np.array([f"s{one}" for one in subject])


def test_xgboost_is_the_papers():
    features, target, _ = data()
    parameters = {
        "learning_rate": 0.08,
        "subsample": 0.75,
        "max_depth": 4,
        "tree_method": "hist",
        "seed": 0,
        "nthread": 1,
    }
    expected = xgboost.train(parameters, xgboost.DMatrix(features, target), 50).predict(xgboost.DMatrix(features))
    model = regressors.fit("xgboost", features, target, seed=0)
    np.testing.assert_array_equal(model.predict(features), expected)
    assert model.booster.num_boosted_rounds() == 50
    start = json.loads(model.booster.save_config())["learner"]["learner_model_param"]["base_score"]
    assert float(start.strip("[]")) == pytest.approx(target.mean(), rel=1e-6)


def test_the_seed_draws_xgboosts_rows():
    features, target, _ = data()
    one, same, other = (regressors.fit("xgboost", features, target, seed).predict(features) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0


def ridge_without(model, features, target, alpha):
    """Coefficients of ridge by the normal equations, in the units that `model` standardised by."""
    x = (features - model.mean) / model.scale
    centre = x.mean(0)
    coefficients = np.linalg.solve((x - centre).T @ (x - centre) + alpha * np.eye(x.shape[1]), (x - centre).T @ target)
    return lambda new: target.mean() + ((new - model.mean) / model.scale - centre) @ coefficients


@pytest.mark.parametrize("each", [1, 3])
def test_ridge_solves_the_normal_equations(each):
    features, target, subject = data(each=each)
    model = regressors.fit("ridge", features, target, subject=subject)
    expected = ridge_without(model, features.astype(float), target, model.alpha)(features)
    np.testing.assert_allclose(model.predict(features), expected, rtol=1e-9)


@pytest.mark.parametrize("each", [1, 3])
def test_ridges_penalty_is_the_best_of_refitting_without_each_subject(each):
    features, target, subject = data(each=each)
    model = regressors.fit("ridge", features, target, subject=subject)
    features = features.astype(float)

    def left_out_error(alpha):
        total = 0.0
        for one in np.unique(subject):
            out = subject == one
            total += np.sum(
                (ridge_without(model, features[~out], target[~out], alpha)(features[out]) - target[out]) ** 2
            )
        return total

    alphas = regressors._PENALTIES[1:] * len(target)
    assert model.alpha == alphas[np.argmin([left_out_error(alpha) for alpha in alphas])]


def test_leaving_out_subjects_penalises_more_than_leaving_out_sessions():
    """Features that only know a person again: worth much for the same person's next session, nothing for strangers."""
    rng = np.random.default_rng(1)
    subject = np.repeat(np.arange(15), 4)
    features = (rng.normal(size=(15, 40))[subject] + 0.1 * rng.normal(size=(60, 40))).astype(np.float32)
    target = rng.gamma(2, 3, 15)[subject]
    by_session = regressors.fit("ridge", features, target)
    by_subject = regressors.fit("ridge", features, target, subject=subject)
    assert by_session.alpha is not None
    assert by_subject.alpha is None or by_subject.alpha > 100 * by_session.alpha


@pytest.mark.parametrize("name", NAMES)
def test_json_keeps_every_bit(name):
    features, target, _ = data()
    model = regressors.fit(name, features, target)
    text = model.to_json()
    assert "\n" not in text
    again = regressors.from_json(text)
    np.testing.assert_array_equal(again.predict(features), model.predict(features))
    assert again.to_json() == text
    assert again.name == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sessions", [1, 2, 12])
def test_a_constant_target_is_predicted(name, sessions):
    features, _, _ = data(sessions=sessions)
    model = regressors.fit(name, features, np.full(sessions, 0.1))
    expected = np.full(5, 0.1 if name == "ridge" else np.float32(0.1))  # XGBoost's base score is a float32
    np.testing.assert_array_equal(model.predict(data(sessions=5, seed=9)[0]), expected)
    np.testing.assert_array_equal(
        regressors.from_json(model.to_json()).predict(features), expected[:1].repeat(sessions)
    )


def test_ridge_of_one_subject_predicts_the_mean():
    features, target, _ = data(sessions=6)
    model = regressors.fit("ridge", features, target, subject=np.array(["s"] * 6))
    assert model.alpha is None
    np.testing.assert_array_equal(model.predict(features), np.full(6, target.mean()))
    assert regressors.from_json(model.to_json()).alpha is None


def test_ridge_ignores_features_that_do_not_vary():
    features, target, _ = data()
    features[:, 3] = 0.1  # its float64 deviation is not exactly 0
    model = regressors.fit("ridge", features, target)
    shifted = features.copy()
    shifted[:, 3] += 1000
    np.testing.assert_array_equal(model.predict(shifted), model.predict(features))


@pytest.mark.parametrize("name", NAMES)
def test_no_session_gives_no_prediction(name):
    features, target, _ = data()
    assert regressors.fit(name, features, target).predict(features[:0]).shape == (0,)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(name, bad):
    features, target, _ = data()
    model = regressors.fit(name, features, target)
    features[4, 2] = bad
    with pytest.raises(UserError, match=r"1 of 60 sessions .* row 4.* lower the learning rate"):
        regressors.fit(name, features, target)
    with pytest.raises(UserError, match="1 of 60"):
        model.predict(features)


@pytest.mark.parametrize("name", NAMES)
def test_another_number_of_features_is_refused(name):
    features, target, _ = data()
    with pytest.raises(ValueError, match="20"):
        regressors.fit(name, features, target).predict(features[:, :19])


def test_mistakes_are_named_in_one_line():
    features, target, _ = data()
    for call, words in (
        (lambda: regressors.fit("svm", features, target), "'svm' is unknown; expected xgboost or ridge"),
        (lambda: regressors.fit("ridge", features[:0], target[:0]), "no session with a known target"),
        (lambda: regressors.fit("ridge", features, np.where(target > 3, np.nan, target)), "target is not finite"),
        (lambda: regressors.from_json("{}"), "cannot be read"),
        (lambda: regressors.from_json('{"regressor": "xgboost", "model": {}}'), "cannot be read"),
        (lambda: regressors.from_json("[1]"), "cannot be read"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_networks_last_layer_speaks_in_the_units_of_the_target():
    features, *_ = data()
    rng = np.random.default_rng(0)
    params = {"severity/kernel": rng.normal(size=20).astype(np.float32), "severity/bias": np.float32(0.5)}
    model = regressors.Network.of(params, centre=7.0, scale=3.0)
    expected = 7 + 3 * (features.astype(np.float64) @ params["severity/kernel"] + 0.5)
    np.testing.assert_allclose(model.predict(features), expected, rtol=1e-12)
    again = regressors.from_json(model.to_json())
    np.testing.assert_array_equal(again.predict(features), model.predict(features))
    with pytest.raises(UserError, match="unknown"):  # it is not fitted on embeddings
        regressors.fit("network", features, np.zeros(len(features)))


@pytest.mark.parametrize("each", [1, 3])
def test_many_targets_at_once_are_as_many_ridges(each):
    features, target, subject = data(each=each)
    targets = np.stack([target, np.random.default_rng(1).permutation(target), np.full(60, 3.0)], axis=1)
    found = regressors.ridge_predictions(features[:40], targets[:40], subject[:40], features[40:])
    for one, predicted in zip(targets.T, found.T, strict=True):
        model = regressors.fit("ridge", features[:40], one[:40], subject=subject[:40])
        np.testing.assert_allclose(predicted, model.predict(features[40:]), atol=1e-8)

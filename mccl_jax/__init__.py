"""Multi-Cue Contrastive Learning in JAX/Flax: severity of depression from facial behaviour."""

__version__ = "0.1.0"


def load(path):
    """A trained model from a workdir or checkpoint: `mccl_jax.load("runs/cmdc").predict_file("session.csv")`.

    Returns `mccl_jax.inference.Model`, with `.config`, `.params`, `.regressors`, `.embed(sessions)` and
    `.predict(session)`. Raises `mccl_jax.errors.UserError` where there is no checkpoint.
    """
    from mccl_jax.inference import Model  # imported here: `import mccl_jax` stays light

    return Model.load(path)

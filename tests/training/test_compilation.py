"""Where compiled programs are kept, and that a run does without where they cannot be."""

import pathlib

import jax
import pytest

from mccl_jax.training.compilation import keep_compiled_programs


@pytest.fixture
def cache(monkeypatch):
    """The option as JAX begins with it; as it was, afterwards."""
    before = jax.config.jax_compilation_cache_dir, jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    yield lambda: jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", before[0])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", before[1])


def test_in_the_users_cache_folder(cache, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    keep_compiled_programs()
    assert pathlib.Path(cache()) == tmp_path / "mccl_jax" / "xla"
    assert (tmp_path / "mccl_jax" / "xla").is_dir()
    assert not capsys.readouterr().err


def test_elsewhere_by_the_variable_of_jax(cache, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "gs://bucket/xla")
    keep_compiled_programs()
    assert cache() is None  # ours is not in its way


def _no_home():
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("home", ["/dev/null", "/proc", None], ids=["a file", "read-only", "no home"])
def test_nowhere_where_nothing_can_be_written(cache, monkeypatch, capsys, home):
    if home:
        monkeypatch.setenv("XDG_CACHE_HOME", home)
    else:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(pathlib.Path, "home", _no_home)
    keep_compiled_programs()
    assert cache() is None
    said = capsys.readouterr().err
    assert said.startswith("compiled programs are not kept (")
    assert "JAX_COMPILATION_CACHE_DIR=FOLDER" in said
    assert said.count("\n") == 1

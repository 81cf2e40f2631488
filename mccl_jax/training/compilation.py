"""Compiled programs are kept between processes: the second run of an experiment starts in seconds."""

import os
import pathlib

import jax


def keep_compiled_programs() -> None:
    """Turns on JAX's persistent cache, in the user's cache folder unless JAX_COMPILATION_CACHE_DIR says otherwise."""
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(cache / "mccl_jax" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)

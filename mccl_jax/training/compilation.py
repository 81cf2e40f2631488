"""Compiled programs are kept between processes: the second run of an experiment starts in seconds."""

import os
import sys

import jax

from mccl_jax.files import cache_folder


def keep_compiled_programs() -> None:
    """Turns on JAX's persistent cache, in the user's cache folder unless JAX_COMPILATION_CACHE_DIR says otherwise.

    That may be a folder which several hosts share, or gs://BUCKET/FOLDER (with gcsfs installed). Of several processes
    JAX lets only the first one write; the others find what it wrote where their programs have the same key, which on
    CPUs they have not. Where the user's cache folder cannot be written to, programs are not kept, and a line says so:
    everything else is as ever.
    """
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    try:
        folder = cache_folder() / "xla"
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"no permission to write to {folder}")
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        print(
            f"compiled programs are not kept ({error}); JAX_COMPILATION_CACHE_DIR=FOLDER keeps them elsewhere",
            file=sys.stderr,
        )
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))

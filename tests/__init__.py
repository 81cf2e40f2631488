"""Compiling is what the tests cost: one cache for every process, and programs that are made with little care."""

import os
import pathlib

_CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "mccl_jax" / "xla"

# Environment variables, so that processes started by a test share it. JAX reads them on import: keep this first.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")  # the many small ones too: half the time
# LLVM's passes take a quarter to a third of it, and change nothing but speed.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

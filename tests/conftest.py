"""What every test shares: where the reference material lies (and, in __init__.py, one compilation cache)."""

import os
import pathlib

import jax
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = pathlib.Path(os.environ.get("MCCL_SHARED", ROOT.parent / "shared"))


@pytest.fixture
def shared() -> pathlib.Path:
    """The folder of reference material beside the project; the test is skipped where it is absent."""
    if not (SHARED / "README.md").is_file():
        pytest.skip(f"reference material not found at {SHARED} (set MCCL_SHARED)")
    return SHARED


@pytest.fixture(autouse=True, scope="module")
def forgotten():
    """What a module has compiled is let go behind it, or a process that runs half of the suite takes 8 GB."""
    yield
    jax.clear_caches()

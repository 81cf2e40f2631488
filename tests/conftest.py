"""What every test shares: where the reference material lies (and, in __init__.py, one compilation cache)."""

import os
import pathlib

import jax
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = pathlib.Path(os.environ.get("MCCL_SHARED", ROOT.parent / "shared"))


# Files that take minutes: begun first, so that the processes which share the tests end together.
LONG = ("multi_device", "end_to_end", "golden", "modes", "insight", "report")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: next((i for i, name in enumerate(LONG) if f"tests/{name}/" in item.nodeid), len(LONG)))


@pytest.fixture
def shared() -> pathlib.Path:
    """The folder of reference material beside the project; the test is skipped where it is absent."""
    if not (SHARED / "README.md").is_file():
        pytest.skip(f"reference material not found at {SHARED} (set MCCL_SHARED)")
    return SHARED


@pytest.fixture
def bucket(monkeypatch):
    """gs://bucket, on this machine, for this process and those that it starts; skipped where gcsfs is not installed."""
    gcsfs = pytest.importorskip("gcsfs", reason="gs:// needs gcsfs: requirements-gcs.txt")
    from etils.epath import backend

    from tests.fake_bucket import Bucket

    def forget():
        """The file system that was made for the address of another one."""
        gcsfs.GCSFileSystem.clear_instance_cache()
        backend.fsspec_backend._get_filesystem.cache_clear()

    one = Bucket()
    forget()
    with one.serving() as address:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        monkeypatch.setenv("NO_GCE_CHECK", "true")  # who this machine is need not be asked
        yield one
    forget()


@pytest.fixture(autouse=True, scope="module")
def forgotten():
    """What a module has compiled is let go behind it, or a process that runs half of the suite takes 8 GB."""
    yield
    jax.clear_caches()

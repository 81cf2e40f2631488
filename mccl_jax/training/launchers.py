"""What the environment says of other processes that were started to train together with this one."""

from collections.abc import Mapping

from jax._src import cloud_tpu_init  # JAX has no public name for it; requirements.txt holds its version

from mccl_jax.errors import UserError

EXPLICIT = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
_SLURM = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID")


def launched(environment: Mapping[str, str]) -> dict | None:
    """What jax.distributed.initialize must be told where the environment says that there are several; else None.

    Nothing where JAX finds it out by itself: Slurm (a step of srun; each task gets one GPU), Open MPI, a TPU pod
    of Kubernetes or of several slices. Raises UserError where EXPLICIT is incomplete or makes no sense.
    """
    launcher = (
        all(name in environment for name in _SLURM) and _number("SLURM_NTASKS", environment) > 1,
        _number("OMPI_COMM_WORLD_SIZE", environment) > 1,
        "," in environment.get("TPU_PROCESS_ADDRESSES", environment.get("TPU_WORKER_HOSTNAMES", "")),
        _number("MEGASCALE_NUM_SLICES", environment) > 1,
    )
    given = [name for name in EXPLICIT if environment.get(name)]
    if any(launcher) and "JAX_NUM_PROCESSES" not in given:
        return {}
    if not given:
        return None
    if missing := [name for name in EXPLICIT if name not in given]:
        raise UserError(f"--distributed: {' and '.join(missing)} not set; expected all of {', '.join(EXPLICIT)}")
    number, index = (_number(name, environment) for name in EXPLICIT[1:])
    address = environment[EXPLICIT[0]]
    if not 0 <= index < number or not address.rpartition(":")[2].isdecimal():
        raise UserError(
            f"--distributed: JAX_PROCESS_ID={index}, JAX_NUM_PROCESSES={number}, JAX_COORDINATOR_ADDRESS={address}; "
            "expected a number from 0 to one less than that of processes, and HOST:PORT of process 0"
        )
    if number == 1:
        return None
    return {
        "coordinator_address": address,
        "num_processes": number,
        "process_id": index,
        "cluster_detection_method": "deactivate",
    }


def is_tpu_machine(environment: Mapping[str, str]) -> bool:
    """Whether this machine has TPUs, and a metadata server that knows whether there are others."""
    return cloud_tpu_init.running_in_cloud_tpu_vm and "TPU_SKIP_MDS_QUERY" not in environment


def _number(name: str, environment: Mapping[str, str]) -> int:
    """0 where it is not set."""
    text = environment.get(name, "") or "0"
    if not text.isdecimal():
        raise UserError(f"--distributed: {name} is {text!r}; expected a number")
    return int(text)

"""Who is alone stays alone, who is not is told how the others are found, and what makes no sense is refused."""

import pytest

from mccl_jax.errors import UserError
from mccl_jax.training import hosts
from mccl_jax.training.launchers import launched

SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "node[1-2]",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "0",
}
TERMINALS = {"JAX_COORDINATOR_ADDRESS": "localhost:1234", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "1"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        SLURM | {"SLURM_NTASKS": "1"},
        {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"},  # within an allocation, but not started by srun
        {"OMPI_COMM_WORLD_SIZE": "1"},
        {"TPU_WORKER_HOSTNAMES": "localhost"},
        {"MEGASCALE_NUM_SLICES": "1"},
        TERMINALS | {"JAX_NUM_PROCESSES": "1", "JAX_PROCESS_ID": "0"},
    ],
)
def test_alone(environment):
    assert launched(environment) is None


@pytest.mark.parametrize(
    "environment",
    [
        SLURM,
        SLURM | {"JAX_COORDINATOR_ADDRESS": "node1:1234"},  # which JAX reads itself
        {"OMPI_COMM_WORLD_SIZE": "2"},
        {"TPU_WORKER_HOSTNAMES": "a,b"},
        {"TPU_PROCESS_ADDRESSES": "a:1,b:1"},
        {"MEGASCALE_NUM_SLICES": "2"},
    ],
)
def test_jax_finds_the_others(environment):
    assert launched(environment) == {}


@pytest.mark.parametrize("environment", [TERMINALS, SLURM | TERMINALS])
def test_they_are_named(environment):
    assert launched(environment) == {
        "coordinator_address": "localhost:1234",
        "num_processes": 2,
        "process_id": 1,
        "cluster_detection_method": "deactivate",
    }


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"JAX_PROCESS_ID": "1"}, "JAX_COORDINATOR_ADDRESS and JAX_NUM_PROCESSES not set"),
        (TERMINALS | {"JAX_PROCESS_ID": ""}, "JAX_PROCESS_ID not set"),
        (TERMINALS | {"JAX_PROCESS_ID": "2"}, "from 0 to one less"),
        (TERMINALS | {"JAX_NUM_PROCESSES": "two"}, "JAX_NUM_PROCESSES is 'two'; expected a number"),
        (TERMINALS | {"JAX_COORDINATOR_ADDRESS": "localhost"}, "HOST:PORT"),
    ],
)
def test_what_makes_no_sense_is_one_line(environment, words):
    with pytest.raises(UserError, match=words) as caught:
        launched(environment)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("choice", "environment"), [("auto", {}), ("off", {}), ("off", TERMINALS)])
def test_one_that_is_alone_says_its_devices_and_does_all_itself(choice, environment, capsys):
    with hosts.joined(choice, environment) as say:
        say("hello")
        assert hosts.is_main()
        assert not hosts.several()
        hosts.wait("nobody")
        hosts.agree("text", "mine", "is another")
        assert hosts.share("text", "mine") == "mine"
    devices, said = capsys.readouterr().out.splitlines()
    assert devices.startswith("devices: ")
    assert said == "hello"


def test_on_with_nobody_to_join_is_one_line():
    with pytest.raises(UserError, match="could not be joined") as caught, hosts.joined("on", {}):
        pass
    assert "\n" not in str(caught.value)
    assert not hosts.several()


def test_all_must_come_in_time(monkeypatch):
    monkeypatch.setattr(hosts, "JOINED_WITHIN", 0.1)
    monkeypatch.setattr(hosts.jax.distributed, "initialize", lambda **_: hosts.time.sleep(1))
    with pytest.raises(UserError, match=r"not all were there within 0\.1 s"), hosts.joined("auto", TERMINALS):
        pass

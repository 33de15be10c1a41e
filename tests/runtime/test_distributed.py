"""The environment of ranks, and the counters and groups of several processes."""

import os

import pytest
import torch
from processes import together

from nmt.errors import ResourceError, UsageError
from nmt.runtime.distributed import Counters, World, process_group

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID")


@pytest.fixture
def environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def put(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return put


def test_one_process_without_a_launcher(environment):
    assert World.from_environment() == World(0, 1, 0, 1, launched=False)
    environment(WORLD_SIZE=4)
    assert World.from_environment().size == 1


def test_what_a_launcher_says(environment):
    environment(RANK=5, WORLD_SIZE=8, LOCAL_RANK=1, LOCAL_WORLD_SIZE=4)
    assert World.from_environment() == World(5, 8, 1, 4, launched=True)


def test_a_launcher_may_start_one(environment):
    environment(RANK=0, WORLD_SIZE=1)
    assert not World.from_environment().launched
    environment(TORCHELASTIC_RUN_ID="none")
    assert World.from_environment().launched


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"RANK": "x", "WORLD_SIZE": 2}, "RANK=x: expected a number"),
        ({"RANK": 2, "WORLD_SIZE": 2}, "RANK=2 of WORLD_SIZE=2"),
        ({"RANK": 0, "WORLD_SIZE": 2, "LOCAL_RANK": 1}, "LOCAL_RANK=1 of LOCAL_WORLD_SIZE=1"),
    ],
)
def test_ranks_that_cannot_be(environment, values, told):
    environment(**values)
    with pytest.raises(UsageError, match=told):
        World.from_environment()


def test_counting_alone():
    counters = Counters(World())
    assert [counters.add("a", 2), counters.value("a"), counters.add("b", -1)] == [2, 2, -1]


def test_nobody_to_count_with(environment, monkeypatch):
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    environment(RANK=1, WORLD_SIZE=2)
    with pytest.raises(ResourceError, match="cannot connect"):
        Counters(World(1, 2, 1, 2))


def test_no_group_for_one():
    with process_group(World(), torch.device("cpu")):
        assert not torch.distributed.is_initialized()


_TOGETHER = """\
import torch
from nmt.runtime.distributed import Counters, World, process_group
world = World.from_environment()
counters = Counters(world)
claimed = []
while (number := counters.add("claimed", 1)) <= 50:
    claimed.append(number)
with process_group(world, torch.device("cpu")):
    total = torch.tensor([sum(claimed), len(claimed), world.rank])
    torch.distributed.all_reduce(total)
assert not torch.distributed.is_initialized()
print(f"{total.tolist()}", flush=True)
"""


def test_two_processes(tmp_path):
    """Each number from 1 to 50 is claimed once: they add up to 1275."""
    script = tmp_path / "together.py"
    script.write_text(_TOGETHER)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    for code, out, told in together(2, script, env=environment, encoding="utf-8"):
        assert (code, out) == (0, "[1275, 50, 1]\n"), told

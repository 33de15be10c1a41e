"""The exchange between two processes; a single process exchanges nothing."""

import os

import torch
from processes import together

from nmt.runtime import distributed
from nmt.runtime.distributed import SINGLE_PROCESS


def test_alone():
    tensor = torch.tensor([1.0, 2.0])
    SINGLE_PROCESS.all_reduce_tensors([tensor])
    SINGLE_PROCESS.barrier()
    assert tensor.tolist() == [1.0, 2.0]
    assert SINGLE_PROCESS.is_rank_zero
    assert (
        SINGLE_PROCESS.all_reduce_sum(3),
        SINGLE_PROCESS.all_reduce_sums([1, 2]),
        SINGLE_PROCESS.all_reduce_min(4),
    ) == (
        3,
        [1, 2],
        4,
    )
    assert SINGLE_PROCESS.all_reduce_max(5, 6) == [5, 6]
    assert SINGLE_PROCESS.gather("é") == ["é"]
    assert SINGLE_PROCESS.map_shards([1, 2, 3], lambda own: [f"{i}" for i in own]) == [
        "1",
        "2",
        "3",
    ]


def test_buckets_hold_all_in_order(monkeypatch):
    monkeypatch.setattr(distributed, "_BUCKET_ELEMENTS", 5)
    tensors = [torch.zeros(size) for size in (2, 3, 1, 9, 0, 4)]
    found = list(distributed._buckets(tensors))
    assert [[len(tensor) for tensor in bucket] for bucket in found] == [[2, 3], [1], [9], [0, 4]]
    assert list(distributed._buckets([])) == []


_TOGETHER = """\
import torch
from nmt.runtime import distributed as ranks
from nmt.runtime.distributed import World, process_group

ranks._BUCKET_ELEMENTS = 5
world = World.from_environment()
with process_group(world, torch.device("cpu")):
    both = ranks.Ranks(world)
    one = world.rank + 1
    tensors = [torch.full((2, 3), float(one)), torch.tensor(10.0 * one)]
    both.all_reduce_tensors(tensors)
    assert tensors[0].tolist() == [[3.0] * 3] * 2 and tensors[1].item() == 30.0
    assert both.all_reduce_sums([one, 5]) == [3, 10] and both.all_reduce_sum(one) == 3
    assert both.all_reduce_max(one, -one) == [2, -1] and both.all_reduce_min(one) == 1
    assert both.gather("é" * one) == ["é", "éé"]
    for items in (range(5), range(1), range(0)):
        found = both.map_shards(items, lambda own: [f"{i} of {world.rank}" for i in own])
        assert found == [f"{i} of {i % 2}" for i in items], found
    both.barrier()
assert both.is_rank_zero == (world.rank == 0)
print("good", flush=True)
"""


def test_two_processes(tmp_path):
    script = tmp_path / "together.py"
    script.write_text(_TOGETHER, encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    for code, out, told in together(2, script, env=environment, encoding="utf-8"):
        assert (code, out) == (0, "good\n"), told

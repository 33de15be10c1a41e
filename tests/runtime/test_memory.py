"""Freed memory and compiled kernels are kept for reuse."""

import os
import subprocess
import sys

import pytest
import torch

from nmt.runtime import memory
from nmt.runtime.memory import available_bytes, enlarge_kernel_cache

CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"

# Products of more shapes than oneDNN remembers by itself, all of them twice, in turn.
_SHAPES = 1100
_TWICE = f"""\\
import torch
from nmt.runtime.memory import enlarge_kernel_cache

enlarge_kernel_cache()
torch.set_num_threads(1)
weight = torch.ones(64, 64, dtype=torch.bfloat16)
for rows in 2 * [*range(64, 64 + {_SHAPES})]:
    torch.ones(rows, 64, dtype=torch.bfloat16) @ weight
"""


@pytest.fixture
def unset(monkeypatch):
    for name in (CAPACITY, "DNNL_PRIMITIVE_CACHE_CAPACITY"):
        monkeypatch.setenv(name, "1")  # so that it is as before when the test is over
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("free", "processes", "kept"),
    [(1 << 30, 1, 1024), (16 << 30, 1, 4096), (16 << 30, 2, 2048), (1 << 40, 1, 8192)],
)
def test_kernels_are_kept_as_memory_allows(monkeypatch, unset, free, processes, kept):
    monkeypatch.setattr(memory, "available_bytes", lambda device: free)
    enlarge_kernel_cache(processes)
    assert os.environ[CAPACITY] == str(kept)


def test_where_the_system_does_not_tell_its_memory_nothing_is_set(monkeypatch, unset):
    monkeypatch.setattr(memory, "available_bytes", lambda device: None)
    enlarge_kernel_cache()
    assert CAPACITY not in os.environ


@pytest.mark.parametrize("name", [CAPACITY, "DNNL_PRIMITIVE_CACHE_CAPACITY"])
def test_what_the_user_has_set_stays(monkeypatch, unset, name):
    monkeypatch.setenv(name, "7")
    enlarge_kernel_cache()
    assert {key: os.environ[key] for key in os.environ if "CACHE_CAPACITY" in key} == {name: "7"}


def test_kernels_of_more_shapes_than_a_thousand_are_found_again():
    free = available_bytes(torch.device("cpu"))
    if free is None or free < 5 << 30:
        pytest.skip("not enough free memory for more kernels than oneDNN keeps by itself")
    plain = {key: value for key, value in os.environ.items() if "CACHE_CAPACITY" not in key}
    done = subprocess.run(
        [sys.executable, "-c", _TWICE],
        env={**plain, "ONEDNN_VERBOSE": "profile_create"},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=300,
    )
    created = [line for line in done.stdout.split("\n") if "create:cache_" in line]
    if not created:
        pytest.skip("torch does not multiply by oneDNN here")
    assert sum("create:cache_hit" in line for line in created) == _SHAPES
    assert sum("create:cache_miss" in line for line in created) == _SHAPES

"""Lock files and their holders, as other processes see them."""

import subprocess
import sys

import pytest

from nmt.errors import ResourceError
from nmt.runtime.lock import find_lock_holder, hold_lock

_HOLDS = """
import sys
from pathlib import Path
from nmt.runtime.lock import hold_lock
with hold_lock(Path(sys.argv[1]), "this"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_holder_is_seen_while_it_holds(tmp_path):
    path = tmp_path / ".lock"
    assert find_lock_holder(path) is None
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    assert find_lock_holder(path) == find_lock_holder(path) == str(process.pid)
    with pytest.raises(ResourceError, match=f"process {process.pid}"), hold_lock(path, "this"):
        pass
    process.kill()
    process.wait()
    assert path.exists()  # left behind, and nobody's
    assert find_lock_holder(path) is None
    with hold_lock(path, "this"):
        pass
    assert not path.exists()

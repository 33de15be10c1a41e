"""Process-wide settings, which a command may change and the Python API leaves to its host."""

import os

_WAITING = {"GOMP_SPINCOUNT": "300000", "OMP_WAIT_POLICY": "passive"}
"""The waiting behaviour of OpenMP's threads. They spin as long as by default, but not while a
process has more OpenMP threads than cores (see `nmt.runtime.thread_waiting`).
"""

_is_owned = False


def own_process() -> None:
    """Declare that this process runs a command and nothing else.

    Call it before torch is imported, because OpenMP reads its settings then. Values set by the user
    stay.
    """
    global _is_owned
    _is_owned = True
    if not any(name in os.environ for name in _WAITING):
        os.environ.update(_WAITING)


def owns_process() -> bool:
    """Return whether allocator, kernels and threads may be set for the whole process."""
    return _is_owned


def owns_waiting() -> bool:
    """Return whether `own_process`, here or in the parent process, set how threads wait."""
    return all(os.environ.get(name) == value for name, value in _WAITING.items())

"""What the command line may set for its whole process, and the Python API leaves to its host."""

import os

_WAITING = {"GOMP_SPINCOUNT": "300000", "OMP_WAIT_POLICY": "passive"}
"""How OpenMP's threads wait: they spin as long as they do by default, but not at all while a
process has more OpenMP threads than cores (see `nmt.runtime.thread_waiting`).
"""

_is_owned = False


def own_process() -> None:
    """Declare that this process runs a command and nothing else.

    To be called before torch is imported, for then OpenMP reads how its threads are to wait. What
    the user has set stays.
    """
    global _is_owned
    _is_owned = True
    if not any(name in os.environ for name in _WAITING):
        os.environ.update(_WAITING)


def owns_process() -> bool:
    """Return whether allocator, kernels and threads may be set for the whole process."""
    return _is_owned


def owns_waiting() -> bool:
    """Return whether `own_process`, of this process or of its parent, set how threads wait."""
    return all(os.environ.get(name) == value for name, value in _WAITING.items())

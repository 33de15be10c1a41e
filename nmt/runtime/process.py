"""What the command line may set for its whole process, and the Python API leaves to its host."""

import os

_SPINS = "0"
"""How often an OpenMP thread of torch looks for its next work before it sleeps: never. A thread
that spins holds the core that the thread it waits for needs, where another process has the other.
`scripts/bench_neighbour.py` measures it.
"""

_WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")

_is_owned = False


def own_process() -> None:
    """Declare that this process runs a command and nothing else.

    To be called before torch is imported, for then OpenMP reads how its threads are to wait. What
    the user has set stays.
    """
    global _is_owned
    _is_owned = True
    if not any(name in os.environ for name in _WAITING):
        os.environ["GOMP_SPINCOUNT"] = _SPINS


def owns_process() -> bool:
    """Return whether allocator, kernels and threads may be set for the whole process."""
    return _is_owned

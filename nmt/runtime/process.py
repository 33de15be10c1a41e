"""What the command line may set for its whole process, and the Python API leaves to its host."""

_is_owned = False


def own_process() -> None:
    """Declare that this process runs a command and nothing else."""
    global _is_owned
    _is_owned = True


def owns_process() -> bool:
    """Return whether allocator, kernels and threads may be set for the whole process."""
    return _is_owned

"""Kernels: what the model computes in a special way, for speed or for batch invariance.

Each stands in for a plain expression of the modules above, which `runtime.kernels: plain` runs
instead. Tests compare values and gradients of both.
"""

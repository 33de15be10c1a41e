"""Kernels: what the model computes in a special way, for speed or for batch invariance.

Each stands in for a plain expression of the modules above, which `runtime.kernels: plain` runs
instead. Tests compare values and gradients of both. The gains that the modules name are those of
forward and backward of one batch, kernel against plain expression: CPU time in float32, median of 7
interleaved repeats, one thread, on an AMD EPYC with AVX-512 and two cores, shared (2026-11-29).
"""

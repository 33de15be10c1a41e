"""Kernels: what the model computes in a special way, for speed or for batch invariance.

Each stands in for a plain expression of the modules above, which `runtime.kernels: plain` runs
instead. Tests compare values and gradients of both.

The gains that the modules name are those of forward and backward of one batch, plain expression
against kernel: CPU time in float32, the median of five to seven interleaved repeats, one thread, on
an AMD EPYC with AVX-512 and two cores, shared (2026-11-29).
"""

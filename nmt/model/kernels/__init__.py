"""Kernels: special implementations of parts of the model, for speed or for batch invariance.

Each replaces a plain expression of the modules above, which `runtime.kernels: plain` runs instead.
Tests compare values and gradients of both.

The gains that the modules name compare plain expression and kernel, forward and backward over one
batch. They are ratios of CPU time in float32 with one thread, the median of five to seven
interleaved repeats. The machine was an AMD EPYC with AVX-512 and two shared cores (2026-11-29).
"""

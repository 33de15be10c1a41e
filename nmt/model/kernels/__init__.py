"""Kernels: faster or batch-invariant implementations of parts of the model.

They are written in plain PyTorch, without Triton or CUDA code. Each replaces an expression of the
model, which `runtime.kernels: plain` runs instead.
Tests compare values and gradients of both.

The gains that the modules name compare plain expression and kernel, forward and backward over one
batch. They are ratios of CPU time in float32 with one thread, the median of five to seven
interleaved repeats. The machine was an AMD EPYC with AVX-512 and two shared cores (2026-11-29).
"""

"""Models on disk: bundles, model cards, single-file models and ONNX programs."""

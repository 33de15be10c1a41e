"""Models on disk: bundles, model cards, one-file models and ONNX programs."""

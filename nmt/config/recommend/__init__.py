"""Configurations recommended for a corpus: its statistics in, keys with values and reasons out."""

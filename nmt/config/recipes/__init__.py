"""Configurations fitted to a corpus: its statistics give the keys, with values and reasons."""

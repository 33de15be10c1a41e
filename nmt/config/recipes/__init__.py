"""Configurations fitted to a corpus: what is known of it in, keys with values and reasons out."""

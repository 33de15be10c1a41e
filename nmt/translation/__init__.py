"""Text in, text out: the translator, streams of lines, sharding, quality estimation and tuning."""

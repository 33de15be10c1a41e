"""What the model computes in a special way, for speed or for results that no batch changes."""

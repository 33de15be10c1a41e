"""Pages to look at: one HTML file each, whole in itself, that asks the network for nothing."""

"""The HTML reports: self-contained files that load nothing from the network."""

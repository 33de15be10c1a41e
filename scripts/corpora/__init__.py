"""Downloading public corpora and making plain parallel texts of them: the parts of get_data.py."""

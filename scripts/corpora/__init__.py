"""Downloads of public corpora, made into plain parallel texts: the parts of get_data.py."""

"""The tokenizers, which convert text to token ids and back."""

"""Text as people write it: its language, and the characters that it may have."""

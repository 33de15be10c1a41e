"""Text as people write it: file formats, characters, languages and marks of other tools."""

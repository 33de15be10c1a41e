"""Word alignment: statistical aligners, links, guided alignment and lexical shortlists."""

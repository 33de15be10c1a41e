"""A synchronous French-English grammar: every rule builds both sentences at once."""

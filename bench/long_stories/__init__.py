"""What long stories are for: memory and use of context, of a model that learned from them and of one that didn't."""

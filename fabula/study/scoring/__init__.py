"""A language model's answers: likelihoods of items, losses by position and by context."""

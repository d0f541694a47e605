"""The questions: built from held-out stories, from templates and from the story world, and gated by baselines."""

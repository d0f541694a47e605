"""The stories that a model writes, measured against held-out stories and against broken ones."""

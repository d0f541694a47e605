"""A series of checkpoints to evidence."""

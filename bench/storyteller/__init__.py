"""The storyteller in the box: its texts, its training, and its record."""

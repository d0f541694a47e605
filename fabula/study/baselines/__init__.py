"""What simple rules make of the same questions: n-grams, caches, overlap. A probe means something only beside them."""

from fabula.study.baselines.fitting import fit, tables
from fabula.study.baselines.writing import sample_stories

__all__ = ["fit", "sample_stories", "tables"]

"""What simple rules make of the same questions: n-grams, caches, overlap. A probe means something only beside them."""

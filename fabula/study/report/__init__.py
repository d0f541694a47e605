"""The evidence as one page."""

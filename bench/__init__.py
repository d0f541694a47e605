"""Measurements of speed and memory, each one command; none is part of the package."""

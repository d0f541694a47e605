"""Fabula trains small storytelling language models and measures how storytelling emerges."""

__version__ = "0.1.0"

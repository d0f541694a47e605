"""A checkpoint and what is known of it, to the places where people use models."""

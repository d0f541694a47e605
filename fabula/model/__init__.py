"""Tokens to logits: the Llama decoder, its attention and loss, and its folder in the Hugging Face layout."""

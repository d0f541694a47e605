"""Text to tokens on disk: readers, tokenizers and the token store."""

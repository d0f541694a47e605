"""Ways to write with a storyteller: the best of several stories, required words, and branches to choose from."""

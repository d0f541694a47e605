"""Long stories: several chapters about one cast, in which what was told early matters late."""

"""The recipes that come with Fabula, as TOML files."""

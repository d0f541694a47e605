"""The compiled kernel: C sources, how they are built, and how the library is found and opened."""

"""How fast models are trained, here and by others, in one command: `python -m bench.training --help`."""

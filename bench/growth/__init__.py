"""How training's speed and memory grow: `python -m bench.growth --help`."""

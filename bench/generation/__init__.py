"""How fast stories are told, here and by others, in one command: `python -m bench.generation --help`."""

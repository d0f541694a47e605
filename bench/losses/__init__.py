"""What a held-out loss costs: one recipe's tokens beside another's, in one command: `python -m bench.losses --help`."""

"""Which peak learning rate is best at which width: `python -m bench.rates --help`."""

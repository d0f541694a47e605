"""What a GPU makes of training, measured in one command: `python -m bench.gpu`."""

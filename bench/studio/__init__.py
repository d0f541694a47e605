"""The studio under load, left by its clients, and under attack: `python -m bench.studio RUN`."""

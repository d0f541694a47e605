"""What trains: each module has `train(spec, pace)` and is imported by no process but its contender's own."""

"""Batches to a checkpoint series: the loop, optimizer and schedule, exact resume, one process or many."""

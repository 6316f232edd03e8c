"""`python -m benchmarks`: compares servers of the same models in one run, on one pinned core."""

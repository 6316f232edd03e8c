"""Programs that run in the benchmark's own environment: they write the models and check the answers."""

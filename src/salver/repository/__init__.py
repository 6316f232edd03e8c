"""Which versions should exist: what the folders say, as data."""

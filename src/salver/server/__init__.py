"""The composition root: from a Config to a running server, and its end."""

"""The life of a version: its states, and what happens next, decided without doing any of it."""

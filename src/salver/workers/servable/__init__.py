"""Running what an author wrote in a `servable.py`."""

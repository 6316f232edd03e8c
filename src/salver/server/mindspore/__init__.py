"""The server side of MindSpore Serving's Python interface."""

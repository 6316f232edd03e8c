"""The servables that salver is asked to run: each is served as the `servable.py` of a folder of its name."""

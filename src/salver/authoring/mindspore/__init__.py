"""What a MindSpore `servable_config.py` says, as data, and the functions with which it says it."""

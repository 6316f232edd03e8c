"""How a worker loads a MindSpore `servable_config.py`, and the code of its stages."""

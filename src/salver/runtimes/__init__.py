"""The code that runs each kind of model file."""

"""MindSpore Serving's import names, so that code written for it runs unchanged on salver."""

"""`.proto` files: compiled when they are named, without generated code."""

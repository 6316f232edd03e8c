"""The client of a server. It is light: it imports no part of the server."""

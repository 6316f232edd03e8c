"""What a server is told when it is started: one frozen Config, every setting declared once."""

"""Where Python runs: the supervisor in the server's process, and the worker's side in processes of its own."""

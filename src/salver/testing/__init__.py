"""What people need to test their own servables."""

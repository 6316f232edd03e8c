"""What an author writes, as contracts and plans: data only."""

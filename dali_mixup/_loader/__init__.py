"""What a training loop sees, and what it is made from."""

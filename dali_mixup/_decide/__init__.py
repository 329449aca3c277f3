"""What is mixed with what, and when: pure functions of a batch's address. NumPy only."""

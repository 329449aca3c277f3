"""The order of samples, their division among ranks, and the position of a run: pure arithmetic."""

"""Claims of papers on data with long tails."""

"""What DALI runs: decoding, mixing and normalising as operators of one graph."""

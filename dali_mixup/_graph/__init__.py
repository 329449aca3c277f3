"""The DALI graph: decoding, mixing and normalising as operators."""

"""The loaders: their construction, their iteration and their batches."""

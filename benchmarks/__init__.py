"""Measurements and experiments run from a checkout; not part of the wheel."""

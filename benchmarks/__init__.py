"""Measurements and experiments run from a checkout; no part of the wheel."""

"""Decisions about mixing: which rows, with which partners, when. Pure functions of a batch's address; NumPy only."""

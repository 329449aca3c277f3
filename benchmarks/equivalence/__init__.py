"""Does a network trained from this library's batches end where others' batches take it? Run with `make equivalence`.

The same network and recipe through four pipelines (`pipelines`), some seeds each, compared by tests of equivalence
(`statistics`) at margins that were fixed before the runs (`settings`). `docs/accuracy.md` shows the result.
"""

"""Small experiments on the mixup papers' claims: two cores, minutes each. Run with `make claims`.

One module per claim, named in `registry`; each trains small networks on handwritten digits that the loader reads
and mixes, or simulates a model without images. `docs/claims.md` sets the results beside the papers.
"""

"""What the papers claim, tried on two cores in minutes: the code behind `dali-mixup claims`.

One module a claim, named in `registry`; each trains small networks on handwritten digits that our own loader reads and
mixes, or simulates a model without images. `docs/claims.md` sets the results beside the papers.
"""

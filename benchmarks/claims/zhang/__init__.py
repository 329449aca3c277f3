"""Claims of Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization, arXiv 1710.09412."""

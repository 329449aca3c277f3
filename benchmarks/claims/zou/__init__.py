"""Claims of Zou et al. 2023, The Benefits of Mixup for Feature Learning, arXiv 2303.08433."""

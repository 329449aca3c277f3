"""Claims of Chaudhry et al. 2022, Effect of mixup Training on Representation Learning, arXiv 2210.16413."""

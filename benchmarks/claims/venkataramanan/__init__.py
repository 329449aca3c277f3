"""Claims of Venkataramanan et al. 2023, MultiMix, arXiv 2206.14868 and 2311.05538."""

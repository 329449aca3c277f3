"""Images named by a list or a manifest."""

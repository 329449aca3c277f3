"""Images and labels in the columns of a table."""

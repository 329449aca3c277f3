"""Which sample comes when, and where a run stands: pure arithmetic."""

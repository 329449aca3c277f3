"""Dataset objects of Python, whose items are asked for one by one."""

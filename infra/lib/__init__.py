"""Pure functions and small helpers without a place of their own: names, labels, quantities."""

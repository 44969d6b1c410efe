"""One receipt for each confirmed order, kept as a file and shown."""

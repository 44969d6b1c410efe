"""The history of the schema, one module per revision in `versions`. It only goes forward: the next one mends."""

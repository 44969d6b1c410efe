"""Who may reach, do and bring in what: the objects that the data in `policies/` becomes."""

"""A mail server that takes mail for one domain, keeps it, and shows what came."""

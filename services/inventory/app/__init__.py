"""The inventory: what of each product is available, and what is reserved. Owns the database `inventory`."""

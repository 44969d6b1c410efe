"""The catalog: the products that the shop sells. Owns the database `catalog` and its schema."""

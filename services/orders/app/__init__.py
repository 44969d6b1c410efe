"""The orders of the shop, and the saga that brings each to its end. Owns the database `orders` and its schema."""

"""Payments: whether an order's amount is taken. Owns the rules; it keeps nothing."""

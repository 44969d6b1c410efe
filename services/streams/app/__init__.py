"""Brings the broker's streams and consumers to what a file declares. A program that ends."""

"""The sales of each day, from the events of the confirmed orders. A program that ends."""

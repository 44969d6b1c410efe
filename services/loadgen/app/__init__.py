"""The load generator: visitors of the shop, who notice every answer that is not as it should be."""

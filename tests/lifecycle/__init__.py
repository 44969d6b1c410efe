"""Coming and going of the whole cluster."""

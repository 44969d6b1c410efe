"""How every image is made in the source lane: `catalog.toml` names them, `recipes/` holds what each is made of."""

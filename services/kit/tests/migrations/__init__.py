"""The migrations of a small service, for the kit's tests: things, then two first things."""

"""Makes the images that no registry gives. Owns recipes and builder; which image runs where is `infra`."""

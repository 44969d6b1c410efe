"""Finds, or builds, the programs that the blueprint needs. Owns the host; what runs in the cluster is `infra`."""

"""Live proofs, by concept, on the cluster that `make up` made."""

"""Proves the proofs: each break takes away what makes a concept work, and the concept's live test must then fail.

Run by hand (`make sabotage`) on a cluster that may be thrown away; no other command runs it.
"""

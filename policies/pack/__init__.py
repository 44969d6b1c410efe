"""The Pulumi policy pack: a stack that admission would refuse in the cluster is refused in preview.

The rules are those of `policies.admission`, by the same names, words and exceptions, and a few of the pack's own for
what only a program shows. Here each is judged on a resource's properties: by pure functions, without Pulumi.
"""

"""The matrix: from a pod of every identity to every destination, what the declared flows say against what happens."""

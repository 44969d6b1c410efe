"""The whole Pulumi program, run against an engine that only records."""

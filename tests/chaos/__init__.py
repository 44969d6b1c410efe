"""What must hold while things break: every accepted order is accounted for."""

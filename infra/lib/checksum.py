"""What changes when a text does. As a pod's annotation it rolls the pod when what the pod reads was changed."""

import hashlib


def checksum(text: str) -> str:
    """Sixteen hexadecimal digits. They tell nothing of a text that holds a password of 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]

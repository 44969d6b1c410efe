"""The gateway: the one way into the shop. It knows which path belongs to which service, and nothing of what they do."""

"""The web service: the page of the shop, and the live picture of what runs behind it."""

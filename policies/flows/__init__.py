"""Who may talk to whom, as typed data, and everything that follows from it. Pure: nothing here needs a cluster."""

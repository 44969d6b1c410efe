"""What every service of the shop shares. Owns how a service runs; the services own what it does."""

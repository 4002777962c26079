"""Which server of a service takes a request."""

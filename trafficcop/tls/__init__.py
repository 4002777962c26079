"""TLS: what a client asks for, which certificate it gets, and the layer that speaks it."""

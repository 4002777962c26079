"""UDP: sessions by client address, each with a socket of its own to its server."""

"""HTTP/2 on the wire, sans-io, for both roles (RFC 9113, RFC 7541): see `session.py` for the interface."""

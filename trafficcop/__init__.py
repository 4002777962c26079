"""trafficcop: an edge router that serves Traefik v3 configurations."""

__version__ = "0.1.0"

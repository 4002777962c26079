"""The words of Traefik: frozen data, no behaviour."""

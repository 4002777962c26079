"""Streams that are not HTTP: a client's connection is joined to one of a server, and bytes go both ways."""

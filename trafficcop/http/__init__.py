"""The narrow waist: one request and response model for every HTTP version; sans-io, no sockets."""

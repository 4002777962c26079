"""The contract between the planes: frozen, picklable data."""

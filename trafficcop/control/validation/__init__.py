"""`--validate`: everything there is to say about a configuration, without starting anything."""

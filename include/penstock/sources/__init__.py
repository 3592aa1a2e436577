"""Places that documents come from. ``open_source`` makes one from its settings."""

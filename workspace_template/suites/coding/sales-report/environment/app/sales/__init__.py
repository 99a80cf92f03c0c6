"""Reports on what was sold."""

"""One small class for each format."""

"""What a browser sees. Knows nothing but files."""

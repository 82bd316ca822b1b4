"""HTTP: which request means what. Each module is one resource; the work is done in `control`."""

"""Every statement besides SELECT: what it says and how it is carried out."""

"""Answers of the query languages in the forms they travel in."""

"""The documentation site: pages of the repository and pages made of the code, built and checked."""

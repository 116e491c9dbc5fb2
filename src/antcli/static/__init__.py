"""What is generated from the command tree (see scripts/generate), and files that are shipped as they are."""

"""Configuration as files: what is wanted, what was applied, what is live; a plan of the differences; its steps."""

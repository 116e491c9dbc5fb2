"""A session in the browser: a page from this machine, and nobody else's."""

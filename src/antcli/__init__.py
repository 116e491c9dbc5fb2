"""`ant`: the command line for managed agents, with an engine of its own inside."""

__version__ = "0.1.0"

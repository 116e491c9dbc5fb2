"""`ant version`."""

from antcli import __version__
from antcli.commands.base import examples
from antcli.context import current


@examples("ant version", "ant version -o json")
def version() -> None:
    """Print the version."""
    output = current().output
    if output.for_programs:
        output.object("versions", {"name": "ant", "version": __version__})
    else:
        output.text(f"ant {__version__}")

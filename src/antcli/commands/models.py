"""`ant models`."""

from antcli.commands.base import Commands
from antcli.commands.operation import call

app = Commands("Models that an agent can use.")
app.add("list", call("list", "models.list", "List models.", "ant models list"))
app.add("get", call("get", "models.retrieve", "Show a model.", "ant models get claude-opus-5-5"), "retrieve")

"""`ant messages`: the Messages API itself, without an agent."""

from antcli.commands.base import Commands
from antcli.commands.verbs import verb

app = Commands("Messages: one request to a model, without an agent.")
verb(app, "create", "messages.create", "Ask a model once.",
     "ant messages create --model claude-opus-5-5 --max-tokens 1000 --message '{role: user, content: Hello}'",
     "ant messages create -f request.yaml --stream")  # fmt: skip
verb(app, "count-tokens", "messages.count_tokens", "Count the tokens of a request.",
     "ant messages count-tokens --model claude-opus-5-5 --message '{role: user, content: Hello}'")  # fmt: skip

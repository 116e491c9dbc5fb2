"""`ant agents`."""

from antcli.commands.base import Commands
from antcli.commands.operation import call

versions = Commands("The versions of an agent.")
versions.add(
    "list", call("list", "agents.versions.list", "List the versions of an agent.", "ant agents versions list reviewer")
)

app = Commands("Agents: a model, a system prompt, tools.")
app.add("list", call("list", "agents.list", "List agents.", "ant agents list", "ant agents list -o id"))
app.add(
    "get",
    call("get", "agents.retrieve", "Show an agent.", "ant agents get reviewer", "ant agents get reviewer --version 2"),
    "retrieve",
)
app.add(
    "create",
    call(
        "create",
        "agents.create",
        "Make an agent.",
        "ant agents create --name reviewer --model claude-opus-5-5 --tool agent_toolset_20260401",
        "ant agents create --name writer --model claude-opus-5-5 --system @prompt.md",
    ),
)
app.add(
    "update",
    call(
        "update",
        "agents.update",
        "Change an agent: a new version. Lists replace what was there.",
        "ant agents update reviewer --system 'Be brief.'",
        "ant agents update reviewer --metadata team=core",
    ),
)
app.add("archive", call("archive", "agents.archive", "Archive an agent.", "ant agents archive reviewer"))
app.group("versions", versions, "version")

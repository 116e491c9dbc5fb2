"""`ant deployment-runs`."""

from antcli.commands.base import Commands
from antcli.commands.verbs import verb

app = Commands("Deployment runs: what deployments started, and what could not start.")
verb(app, "list", "deployment_runs.list", "List runs, the newest first.",
     "ant deployment-runs list --deployment-id nightly --has-error")  # fmt: skip
verb(app, "get", "deployment_runs.retrieve", "Show a run.", "ant deployment-runs get @last")

"""`ant deployments`."""

from antcli.commands.base import Commands
from antcli.commands.verbs import verb

app = Commands("Deployments: an agent that starts by schedule or on request.")
verb(app, "list", "deployments.list", "List deployments.", "ant deployments list --status active")
verb(app, "get", "deployments.retrieve", "Show a deployment.", "ant deployments get nightly")
verb(app, "create", "deployments.create", "Make a deployment.",
     "ant deployments create --name nightly --agent reviewer --env tests --initial-event @task.yaml "
     "--schedule '{type: cron, expression: 0 3 * * *, timezone: UTC}'")  # fmt: skip
verb(app, "update", "deployments.update", "Change a deployment. Lists replace what was there.",
     "ant deployments update nightly --schedule null")  # fmt: skip
verb(app, "run", "deployments.run", "Start a session of a deployment now.", "ant deployments run nightly")
verb(app, "pause", "deployments.pause", "Stop the schedule of a deployment.", "ant deployments pause nightly")
verb(app, "unpause", "deployments.unpause", "Let the schedule of a deployment go on.",
     "ant deployments unpause nightly")  # fmt: skip
verb(app, "archive", "deployments.archive", "Archive a deployment.", "ant deployments archive nightly --yes")

"""`ant work`: the queue of a self-hosted environment."""

from antcli.commands.base import Commands
from antcli.commands.verbs import verb

app = Commands("Work: the queue of a self-hosted environment, which workers take from.")
verb(app, "list", "environments.work.list", "List the work of an environment.", "ant work list own-machines")
verb(app, "get", "environments.work.retrieve", "Show a piece of work.", "ant work get own-machines work_4fK9")
verb(app, "stats", "environments.work.stats", "Show how much waits, and how many workers ask.",
     "ant work stats own-machines")  # fmt: skip
verb(app, "poll", "environments.work.poll", "Take the next piece of work, if there is one.",
     "ant work poll own-machines --block-ms 900")  # fmt: skip
verb(app, "ack", "environments.work.ack", "Say that a piece of work was taken.", "ant work ack own-machines work_4fK9")
verb(app, "heartbeat", "environments.work.heartbeat", "Keep a piece of work.",
     "ant work heartbeat own-machines work_4fK9 --expected-last-heartbeat NO_HEARTBEAT")  # fmt: skip
verb(app, "update", "environments.work.update", "Change the metadata of a piece of work.",
     "ant work update own-machines work_4fK9 --metadata host=a")  # fmt: skip
verb(app, "stop", "environments.work.stop", "Stop a piece of work.", "ant work stop own-machines work_4fK9 --force")

"""`ant envs`, with the keys of their workers."""

from antcli.commands.base import Commands
from antcli.commands.operation import call
from antcli.commands.verbs import verb

keys = Commands("The keys of a self-hosted environment, which its workers show. Only the local engine makes them here.")
verb(keys, "list", "environments.keys.list", "List the keys of an environment.", "ant envs keys list own-machines")
verb(keys, "create", "environments.keys.create", "Make a key for the workers of an environment. It is shown once.",
     "ant envs keys create own-machines --name build-host",
     "ant envs keys create own-machines --transform key -r > worker.key")  # fmt: skip
keys.add("delete", call("delete", "environments.keys.delete", "Revoke a key: it opens nothing from now on.",
                        "ant envs keys delete own-machines build-host --yes"), "revoke", "rm")  # fmt: skip

app = Commands("Environments: packages and network of the sandbox.")
app.add("list", call("list", "environments.list", "List environments.", "ant envs list"))
app.add("get", call("get", "environments.retrieve", "Show an environment.", "ant envs get tests"), "retrieve")
app.add(
    "create",
    call(
        "create",
        "environments.create",
        "Make an environment.",
        "ant envs create --name tests",
        "ant envs create --name tests --config '{type: cloud, packages: {pip: [pytest]}}'",
    ),
)
app.add(
    "update",
    call(
        "update",
        "environments.update",
        "Change an environment.",
        "ant envs update tests --description 'For the test runs'",
    ),
)
app.add("archive", call("archive", "environments.archive", "Archive an environment.", "ant envs archive tests"))
app.add("delete", call("delete", "environments.delete", "Delete an environment.", "ant envs delete tests --yes"))
app.group("keys", keys, "key")

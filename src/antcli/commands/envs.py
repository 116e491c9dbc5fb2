"""`ant envs`."""

from antcli.commands.base import Commands
from antcli.commands.operation import call

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

"""`ant vaults`, with the credentials in a vault."""

from antcli.commands.base import Commands
from antcli.commands.verbs import verb

credentials = Commands("The credentials in a vault. Secrets go in and never come out.")
verb(credentials, "list", "vaults.credentials.list", "List the credentials of a vault.",
     "ant vaults credentials list team")  # fmt: skip
verb(credentials, "get", "vaults.credentials.retrieve", "Show a credential, without its secret.",
     "ant vaults credentials get team github")  # fmt: skip
verb(credentials, "create", "vaults.credentials.create", "Put a credential into a vault.",
     "ant vaults credentials create team --display-name github --auth @github.yaml",
     "ant vaults credentials create team -f - < credential.yaml")  # fmt: skip
verb(credentials, "update", "vaults.credentials.update", "Change a credential, or its secret.",
     "ant vaults credentials update team github --auth '{type: static_bearer, token: \"@token.txt\"}'")  # fmt: skip
verb(credentials, "validate", "vaults.credentials.mcp_oauth_validate", "Try whether an MCP server takes a credential.",
     "ant vaults credentials validate team linear")  # fmt: skip
verb(credentials, "archive", "vaults.credentials.archive", "Archive a credential: its secret is destroyed.",
     "ant vaults credentials archive team github --yes")  # fmt: skip
verb(credentials, "delete", "vaults.credentials.delete", "Delete a credential.",
     "ant vaults credentials delete team github --yes")  # fmt: skip

app = Commands("Vaults: credentials that sessions use and never see.")
verb(app, "list", "vaults.list", "List vaults.", "ant vaults list")
verb(app, "get", "vaults.retrieve", "Show a vault.", "ant vaults get team")
verb(app, "create", "vaults.create", "Make a vault.", "ant vaults create --display-name team")
verb(app, "update", "vaults.update", "Change a vault's name or metadata.",
     "ant vaults update team --display-name core-team")  # fmt: skip
verb(app, "archive", "vaults.archive", "Archive a vault: the secrets in it are destroyed.",
     "ant vaults archive team --yes")  # fmt: skip
verb(app, "delete", "vaults.delete", "Delete a vault and its credentials.", "ant vaults delete team --yes")
app.group("credentials", credentials, "credential")

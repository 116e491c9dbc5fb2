"""`ant user-profiles`."""

from antcli.commands.base import Commands
from antcli.commands.verbs import verb

app = Commands("User profiles: the people that your application works for.")
verb(app, "list", "user_profiles.list", "List user profiles.", "ant user-profiles list --order-by name")
verb(app, "get", "user_profiles.retrieve", "Show a user profile.", "ant user-profiles get anna")
verb(app, "create", "user_profiles.create", "Make a user profile.",
     "ant user-profiles create --name anna --external-id 4711")  # fmt: skip
verb(app, "update", "user_profiles.update", "Change a user profile.",
     "ant user-profiles update anna --metadata plan=team")  # fmt: skip
verb(app, "delete", "user_profiles.delete", "Delete a user profile.", "ant user-profiles delete anna --yes")
verb(app, "enrollment-url", "user_profiles.create_enrollment_url", "Make an address where a person can enrol.",
     "ant user-profiles enrollment-url anna")  # fmt: skip
verb(app, "action-url", "user_profiles.action_urls.create", "Make an address where a person can act.",
     "ant user-profiles action-url anna --action @action.yaml")  # fmt: skip

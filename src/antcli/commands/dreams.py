"""`ant dreams`."""

from antcli.commands.base import Commands
from antcli.commands.verbs import verb

app = Commands("Dreams: a memory store tidied up from what happened in sessions.")
verb(app, "list", "dreams.list", "List dreams.", "ant dreams list --status running")
verb(app, "get", "dreams.retrieve", "Show a dream.", "ant dreams get @last")
verb(app, "create", "dreams.create", "Start a dream.",
     "ant dreams create --model claude-opus-5-5 --input '{type: memory_store, memory_store_id: memstore_4fK9}' "
     "--input '{type: sessions, session_ids: [sesn_4fK9]}'")  # fmt: skip
verb(app, "cancel", "dreams.cancel", "Stop a dream.", "ant dreams cancel @last")
verb(app, "archive", "dreams.archive", "Archive a dream that has ended.", "ant dreams archive @last --yes")

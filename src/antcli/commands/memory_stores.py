"""`ant memory-stores`, with the memories in a store and their versions."""

from antcli.commands.base import Commands
from antcli.commands.verbs import verb

memories = Commands("The memories in a store: texts at paths.")
verb(memories, "list", "memory_stores.memories.list", "List memories, as a tree of paths.",
     "ant memory-stores memories list notes", "ant memory memories list notes --path-prefix /team/")  # fmt: skip
verb(memories, "get", "memory_stores.memories.retrieve", "Show a memory with its text.",
     "ant memory-stores memories get notes /team/style.md")  # fmt: skip
verb(memories, "create", "memory_stores.memories.create", "Write a memory.",
     "ant memory-stores memories create notes --path /team/style.md --content @style.md")  # fmt: skip
verb(memories, "update", "memory_stores.memories.update", "Change a memory's text or path.",
     "ant memory-stores memories update notes /team/style.md --content @style.md")  # fmt: skip
verb(memories, "delete", "memory_stores.memories.delete", "Delete a memory; its versions stay.",
     "ant memory-stores memories delete notes /team/style.md --yes")  # fmt: skip

versions = Commands("The versions of memories: what was written when, and by whom.")
verb(versions, "list", "memory_stores.memory_versions.list", "List the versions of the memories in a store.",
     "ant memory-stores versions list notes --memory-id /team/style.md")  # fmt: skip
verb(versions, "get", "memory_stores.memory_versions.retrieve", "Show a version.",
     "ant memory-stores versions get notes memver_4fK9")  # fmt: skip
verb(versions, "redact", "memory_stores.memory_versions.redact", "Remove the text of a version for good.",
     "ant memory-stores versions redact notes memver_4fK9 --yes")  # fmt: skip

app = Commands("Memory stores: what agents remember from session to session.")
verb(app, "list", "memory_stores.list", "List memory stores.", "ant memory-stores list")
verb(app, "get", "memory_stores.retrieve", "Show a memory store.", "ant memory-stores get notes")
verb(app, "create", "memory_stores.create", "Make a memory store.",
     "ant memory-stores create --name notes --description 'What the team agreed on'")  # fmt: skip
verb(app, "update", "memory_stores.update", "Change a memory store.",
     "ant memory-stores update notes --description 'How we write'")  # fmt: skip
verb(app, "archive", "memory_stores.archive", "Archive a memory store: nothing can be written to it any more.",
     "ant memory-stores archive notes --yes")  # fmt: skip
verb(app, "delete", "memory_stores.delete", "Delete a memory store with all its memories.",
     "ant memory-stores delete notes --yes")  # fmt: skip
app.group("memories", memories)
app.group("versions", versions, "version", "memory-versions")

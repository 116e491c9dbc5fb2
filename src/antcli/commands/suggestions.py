"""What was probably meant by a word that is no command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# Verbs of other command lines, and what they are called here.
_VERBS = {
    "add": "create", "cat": "get", "change": "update", "del": "delete", "describe": "get", "destroy": "delete",
    "edit": "update", "info": "get", "inspect": "get", "ls": "list", "make": "create", "modify": "update",
    "new": "create", "patch": "update", "read": "get", "remove": "delete", "rm": "delete", "set": "update",
    "show": "get", "view": "get", "tail": "stream", "watch": "stream", "follow": "stream", "post": "send",
}  # fmt: skip
# Words at the beginning of a command line, and the command for what people want by them.
_WORDS = {
    "ask": "run", "browse": "open", "config": "profile", "configure": "profile", "daemon": "engine",
    "events": "logs", "exec": "run", "help": "--help", "kill": "interrupt", "login": "auth login",
    "logout": "auth logout", "ls": "sessions list", "ps": "sessions list",
    "server": "serve", "start": "run", "status": "engine status", "stop": "interrupt",
    "tail": "logs", "view": "open", "web": "open", "whoami": "auth status",
}  # fmt: skip


def suggested(typed: Sequence[str], names: Sequence[str], aliases: Mapping[str, str]) -> list[str]:
    """What to type in the place of the first word: at most three of the group's names, the likeliest first."""
    from difflib import get_close_matches

    word = typed[0].lower()
    verb = _VERBS.get(word, word)
    if verb == "delete" and verb not in names and "archive" in names:
        verb = "archive"  # what cannot be deleted can be put away
    if verb in names:
        return [verb]
    following = typed[1].lower() if len(typed) > 1 else ""
    group = aliases.get(following, following)
    if group in names and "agents" in names:  # verb first, as elsewhere: `ant list agents`
        return [f"{group} {verb}"]
    meant = _WORDS.get(word, "")
    if meant and "agents" in names and (meant == "--help" or meant.partition(" ")[0] in names):
        return [meant]
    matches = get_close_matches(word, names, 3, 0.6)
    # The last wins for each command, so the list is turned round to keep the likeliest in front.
    near = {aliases.get(name, name): name for name in reversed(matches)}
    return [near[name] for name in reversed(near)]

"""Where the official spelling is on purpose otherwise than release 1.20 of the official command line, in one place."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """`official` and `ours` say what happens there and here; `why` what the official way costs its user."""

    topic: str
    official: str
    ours: str
    why: str


DIFFERENCES = (
    Difference(
        "transform", "--transform that matches nothing prints the whole object.",
        "It is an error, exit code 1; in a list, things without are left out and counted on stderr.",
        "Scripts silently took wrong data.",
    ),
    Difference(
        "errors", "The body of an error answer goes to stdout, every exit code is 1.",
        "Errors go to stderr; the exit code says what kind it is.", "Pipelines took errors for data.",
    ),
    Difference(
        "lists", "--format json of a list is a row of documents; auto opens a viewer on a terminal.",
        "--format json is one array; auto is a table on a terminal and JSON lines elsewhere.",
        "Such a file is no JSON, and a look-up took the screen.",
    ),
    Difference(
        "yaml", "YAML documents follow each other without a separator.", "`---` stands between them.",
        "Such a file is no YAML.",
    ),
    Difference(
        "streams", "Piped events wait for up to 37 lines.", "Each event leaves as it arrives, also with --debug.",
        "Nothing could act on an event in time.",
    ),
    Difference(
        "keys", "--api-key and --auth-token are taken from the command line, with a warning.",
        "They are refused: use the environment, --api-key-stdin or --auth-token-stdin.",
        "Other users see what is on a command line.",
    ),
    Difference(
        "debug", "--debug shows bodies with the secrets in them.", "Secrets are hidden in headers and bodies.",
        "Logs kept the secrets.",
    ),
    Difference(
        "stdin", "Stdin counts as a document when something is there within 10 ms.",
        "A pipe is read to its end when something required is missing, and for a second's patience by commands with a "
        "body; commands without a body read it only for what is missing. A file is read without taking it away.",
        "Slow writers were missed, and loops lost their input.",
    ),
    Difference(
        "round trip", "All fields of a retrieved object are sent back with an update.",
        "Those that the update does not take are left out, and an @ in them names no file.",
        "A text of the server could name a file of yours.",
    ),
    Difference(
        "delete", "Nothing asks before a delete.", "On a terminal ant asks; --yes skips the question.",
        "What is deleted is gone.",
    ),
    Difference(
        "downloads", "--output replaces a file that is there.", "It does so only with --force.", "Files were lost.",
    ),
    Difference(
        "prose", "`Note: be brief` as a system prompt of a message is an object.", "It is a text.",
        "Prompts with a colon failed.",
    ),
    Difference(
        "explorer", "--format explore opens a viewer.", "It is auto.", "It ignored --transform and --max-items.",
    ),
    Difference(
        "connect",
        "beta:sessions connect needs a terminal.",
        "Without a terminal it reads along, as text or with -o json as JSON lines.",
        "Scripts and agents could not watch.",
    ),
    Difference(
        "credentials", "auth print-credentials prints them, the refresh token too.",
        "It prints what --access-token or --env asks for, no refresh token, and nothing on a terminal without --yes.",
        "Secrets ended in terminals and logs.",
    ),
    Difference(
        "identity", "User-Agent is the official one's.", "It is ant/VERSION, with an idempotency-key for each request.",
        "A server can tell who asks, and a repeated request makes one thing.",
    ),
    Difference(
        "worker",
        "worker poll has one session at a time; stopped, it leaves a session that waits for tools without a worker; "
        "--environment-key is taken from the command line.",
        "--concurrency has several; a session is handed on; the key comes from the environment or a file.",
        "Sessions waited for each other, or for ever, and other users saw the key.",
    ),
    Difference(
        "apply",
        "apply without a path takes the files that the lock file knows, and a file that moves is a new thing; a dry "
        "run ends with 0 also when its plan is refused.",
        "Without a path it takes all files in the folder of the lock file, and a file that moves stays what it is; "
        "a plan that would be refused is exit code 1.",
        "CI missed new files and refused plans, and a rename left a second agent behind.",
    ),
)  # fmt: skip

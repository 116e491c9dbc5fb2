"""Pages of `ant explain` that are not about a type of the API."""

from __future__ import annotations

from antcli.errors import ExitCode

_WIDTH = 100
_EXIT_CODES = {
    ExitCode.OK: "Done. For a session: it ended its turn, and met its outcome where one was set.",
    ExitCode.FAILURE: "Any other failure.",
    ExitCode.USAGE: "The command line is wrong: an unknown option, a bad value, a bad file.",
    ExitCode.NOT_LOGGED_IN: "No credential, a refused one (401, 403), or no model to ask.",
    ExitCode.NOT_FOUND: "There is no such thing (404).",
    ExitCode.SERVER: "No answer, or the server failed or limited us after all retries (429, 5xx).",
    ExitCode.REQUIRES_ACTION: "The session waits for an action: `ant approve` or `ant deny`.",
    ExitCode.ENDED_BADLY: "The session ended badly: retries exhausted, terminated, or a refusal.",
    ExitCode.OUTCOME_NOT_MET: "The outcome was not met, or an eval failed.",
    ExitCode.BUDGET_REACHED: "The session's budget is used up.",
    ExitCode.PLAN_HAS_CHANGES: "`ant plan --detailed-exitcode`: there are changes.",
    ExitCode.TIMED_OUT: "The time of --timeout ran out.",
    ExitCode.INTERRUPTED: "Interrupted with Ctrl-C; the session was interrupted too.",
}

_SCRIPTS = """\
Script models

A script is a YAML or JSON file of turns, which `ant run --model script:FILE "..."` plays: turn k answers the k-th
request to the model.

  price_as: claude-sonnet-5-5           whose list price its tokens have, for --budget
  turns:
  - expect: {contains: hello}           what the model must be shown, or matches: REGEX, or path: and equals:
    text: I look around.                what it says
    tools: [{name: bash, input: {command: ls}}]
    thinking: Hm.
    delay: 2s                           before the answer; pace: 50ms between its words
    usage: {input_tokens: 900, output_tokens: 40}
    stop_reason: refusal                else end_turn, or tool_use where there are tools
  - error: {status: 529, times: 2, message: busy}
    text: At last.                      after two failures

A script that needs no price may be the list of turns alone.
"""

_ENVIRONMENT = {
    "ANT_PROFILE": "The profile to use; --profile goes before it.",
    "ANT_CONFIG_DIR": "Where profiles and credentials are kept.",
    "ANT_DATA_DIR": "Where the local engine keeps sessions, and the command line what @last means.",
    "ANT_CACHE_DIR": "Where skills from GitHub are kept.",
    "ANT_MODEL_BASE_URL": "A Messages API endpoint for the local engine to ask.",
    "ANT_MODEL_API_KEY": "The key for that endpoint.",
    "ANT_SERVER_API_KEY": "The key of `ant serve`.",
    "ANT_GITHUB_API_URL": "The API that skills at GitHub addresses are fetched from: a mirror, or a fake for tests.",
    "ANT_DEBUG": "1 shows the traceback of an error.",
    "ANTHROPIC_API_KEY": "A key for the hosted service; the local engine's model uses it when it has no other.",
    "ANTHROPIC_AUTH_TOKEN": "A bearer token, instead of a key.",
    "ANTHROPIC_BASE_URL": "Another server than the public one.",
    "ANTHROPIC_PROFILE": "The profile of the official command line to read.",
    "ANTHROPIC_IDENTITY_TOKEN_FILE": "Federation: a file with an OIDC token, read again for each exchange.",
    "ANTHROPIC_IDENTITY_TOKEN": "The same token itself.",
    "ANTHROPIC_FEDERATION_RULE_ID": "Federation: the rule that takes it.",
    "ANTHROPIC_ORGANIZATION_ID": "Federation: the organisation of the rule.",
    "ANTHROPIC_SERVICE_ACCOUNT_ID": "Federation: the service account to be, where the rule leaves it open.",
    "ANTHROPIC_SCOPE": "Federation: only for other programs; the rule decides what a token may do.",
    "ANTHROPIC_CONFIG_DIR": "Where the profiles of the official command line are.",
    "ANTHROPIC_WORKSPACE_ID": "The workspace that requests are for.",
    "ANTHROPIC_ENVIRONMENT_KEY": "The key of a self-hosted environment, for `ant worker`; _KEY_FILE names a file.",
    "ANTHROPIC_ENVIRONMENT_ID": "The environment of `ant worker`; ANTHROPIC_WORKER_ID is the worker's name.",
    "ANTHROPIC_WORK_SECRET": "The secret of the item for `ant worker run`; _SECRET_FILE names a file.",
    "GITHUB_TOKEN": "For `ant plan` and `ant apply`: reads skills in private repositories, and more of them an hour.",
    "NO_COLOR": "Any value: no colour.",
    "SHELL": "The shell that `ant completion` takes when none is named.",
    "SSL_CERT_FILE": "A file of certificates to trust; SSL_CERT_DIR a folder of them.",
}


_CONFIRMATIONS = """\
Confirmations

  What cannot be undone is asked about first, on a terminal: `delete`, `archive`, `redact`, `rotate-token`, in both
  spellings, and `ant profile delete`. `ant edit` asks before it sends your changes.

  --yes      does it without the question.
  --dry-run  shows the request and does not send it.

  Nobody is asked where nobody can answer: when stdin or stderr is no terminal, in CI (the variable CI is set), or for
  a coding agent. There the command line is the decision, and it is carried out; only `ant apply` and `ant destroy`,
  which decide by themselves what to change, need --yes. Any answer but y or yes changes nothing and is exit code 1;
  Ctrl-C is 130.

  In the same places an id that was left out is an error, exit code 2, and no list to choose from.
"""

_WORKERS = """\
Workers

  `ant worker poll` takes sessions from the queue of a self-hosted environment and runs their tools on its machine. It
  shows the key of the environment and nothing else: ANTHROPIC_ENVIRONMENT_KEY, or --environment-key-file.

  The file tools stay in --workdir; bash runs as the user of the worker, without a sandbox around it, and finds the
  worker's variables but those that begin with ANTHROPIC_ or ANT_. It can read what that user can, a file with the key
  too: give the key in the variable, which is hidden from it. Memory stores are folders at their mount paths, which the
  worker must be able to make (/mnt/memory); what changed in them is written back after each call.

  SIGTERM or Ctrl-C  kills the call that runs and tells the model so; what waits is handed to another worker. The
                     second signal ends at once.
  kill -9            another worker has the session when --lease has run out. Started again on the same machine, it
                     tells the model which call may have run; on another one that call runs again.
  a lost lease       what runs is killed, and nothing is sent any more.

  --on-work PROGRAM  is run for each session instead, with the work item as JSON on stdin (its `secret` too), and

    ANTHROPIC_SESSION_ID, ANTHROPIC_WORK_ID, ANTHROPIC_ENVIRONMENT_ID, ANTHROPIC_ENVIRONMENT_KEY, ANTHROPIC_BASE_URL

  It must keep the lease, as `ant worker run` does. Its output goes to stderr. When it ends, the item is over, whatever
  the exit code; when the worker is stopped, it gets SIGTERM, and SIGKILL after 30 seconds. In a container that is not
  to hold the key, the secret is enough: `ant worker run --work-secret-file item.json`, or ANTHROPIC_WORK_SECRET.
"""


def workers() -> str:
    return _WORKERS


def confirmations() -> str:
    return _CONFIRMATIONS


def exit_codes() -> str:
    lines = [f"{int(code):>4}  {sentence}" for code, sentence in _EXIT_CODES.items()]
    return "Exit codes\n\n" + "\n".join(lines) + "\n"


def scripts() -> str:
    return _SCRIPTS


def environment() -> str:
    width = max(map(len, _ENVIRONMENT))
    lines = [f"  {name:<{width}}  {sentence}" for name, sentence in _ENVIRONMENT.items()]
    return "Environment variables\n\n" + "\n".join(lines) + "\n"


def differences() -> str:
    from antcli.differences import page

    return page()


def official() -> str:
    from textwrap import wrap

    from antcli.commands.differences import DIFFERENCES

    lines = [
        "Where `ant beta:agents ...`, the official spelling, is on purpose otherwise than the official command line"
    ]
    for difference in DIFFERENCES:
        lines += ["", difference.topic]
        told = (("there", difference.official), ("here", difference.ours), ("because", difference.why))
        for word, sentence in told:
            lines += wrap(sentence, _WIDTH, initial_indent=f"  {word:<9}", subsequent_indent=" " * 11)
    return "\n".join(lines) + "\n"


TOPICS = {
    "differences": differences, "official": official, "exit-codes": exit_codes, "environment": environment,
    "confirmations": confirmations, "scripts": scripts, "workers": workers,
}  # fmt: skip

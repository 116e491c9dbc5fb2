"""A plan as people read it, and as programs do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

from antcli.config_as_code.comparison import shortened, simplified
from antcli.config_as_code.differences import FieldChange
from antcli.config_as_code.planner import Change, Plan
from antcli.output.text import DIM, GREEN, RED, YELLOW, clean, cut, paint

_SIGNS = {
    "create": ("+", GREEN), "update": ("~", YELLOW), "replace": ("±", YELLOW), "adopt": ("=", YELLOW),
    "move": ("→", YELLOW), "archive": ("-", RED), "delete": ("-", RED), "forget": ("-", DIM),
}  # fmt: skip
_WIDTH = 100


class PlanText:
    """`verbose`: whole values, and what is unchanged. `colour`: paint it."""

    def __init__(self, plan: Plan, *, verbose: bool, colour: bool) -> None:
        self.plan = plan
        self.verbose = verbose
        self.colour = colour

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        every = [*self.plan.changes, *(self.plan.unchanged if self.verbose else ())]
        kinds = max((len(change.kind.words) for change in every), default=0)
        files = max((len(change.key) for change in every), default=0)
        for change in every:
            yield from self._change(change, kinds, files)
        if every:
            yield ""
        for key in self.plan.left:
            yield f"{key} is gone; what it declared stays. --prune removes it."
        yield summary_line(self.plan)
        if self.plan.blocks:
            yield self._paint("This plan cannot be applied:", RED)
            yield from (f"  {block.key}: {block.reason}" for block in self.plan.blocks)

    def _change(self, change: Change, kinds: int, files: int) -> Iterator[str]:
        sign, style = _SIGNS.get(change.action, (" ", DIM))
        said = change.id or (f'"{clean(change.name)}"' if change.name else "")
        head = f"{sign} {change.action or 'keep':<7}  {change.kind.words:<{kinds}}  {change.key:<{files}}  {said}"
        yield self._paint(head.rstrip(), style)
        if change.was:
            yield f"      was {change.was}"
        old, new = (commit[:10] for commit in change.pinned)
        if new != old:
            yield f"      commit: {old} -> {new}" if old else f"      commit: {new}"
        for found in change.fields:
            yield from self._field(change, found)

    def _field(self, change: Change, found: FieldChange) -> Iterator[str]:
        mark = self._paint("  drifted", RED) if found.drifted else ""
        if change.kind.word == "skill":
            if found.field == "files" and change.action == "update":
                yield f"      files: a new version{mark}"
            return
        before, after = shown(change, found)
        if before is None:
            yield from self._new(found.field, after)
        elif after is None:
            yield f"      {found.field}: {self._paint('cleared', RED)}{mark}"
        elif _short(before) and _short(after):
            was, now = self._paint(_line(before), RED), self._paint(_line(after), GREEN)
            yield f"      {found.field}: {was} -> {now}{mark}"
        else:
            yield f"      {found.field}:{mark}"
            yield from self._lines_changed(before, after)

    def _new(self, name: str, value: Any) -> Iterator[str]:
        if self.verbose and not _short(value):
            yield f"      {name}:"
            yield from (f"        {_safe(line)}" for line in _text(value).splitlines())
            return
        lines = [_in_a_line(value)] if isinstance(value, list | dict) else _text(value).splitlines() or [""]
        more = f" (+{len(lines) - 1} lines)" if len(lines) > 1 else ""
        yield f"      {name}: {cut(clean(lines[0]), _WIDTH - 20)}{more}"

    def _lines_changed(self, before: Any, after: Any) -> Iterator[str]:
        old, new = _text(before).splitlines(), _text(after).splitlines()
        context = max(len(old), len(new)) if self.verbose else 1
        for line in list(unified_diff(old, new, n=context, lineterm=""))[2:]:
            if line.startswith("@@"):
                continue
            style = {"+": GREEN, "-": RED}.get(line[0], DIM)
            yield f"        {self._paint(_safe(line if self.verbose else cut(line, _WIDTH)), style)}"

    def _paint(self, text: str, style: str) -> str:
        return paint(text, style) if self.colour else text


def summary_line(plan: Plan) -> str:
    unchanged = len(plan.unchanged)
    if not plan.changes and not unchanged:
        return "There is nothing to do: no file here declares anything."
    if not plan.changes:
        return f"No changes: {unchanged} {'thing is' if unchanged == 1 else 'things are'} as the files say."
    counts = Counter(change.action for change in plan.changes)
    parts = ", ".join(f"{counts[action]} to {action}" for action in _SIGNS if counts[action])
    return f"Plan: {parts}; {unchanged} unchanged."


def as_object(plan: Plan, *, server: str, lock_file: str) -> dict[str, Any]:
    """A contract: change it only with a changelog line."""
    counts = Counter(change.action for change in plan.changes)
    return {
        "server": server,
        "lock_file": lock_file,
        "changes": [_change_object(change) for change in plan.changes],
        "summary": {**{action: counts[action] for action in _SIGNS}, "unchanged": len(plan.unchanged)},
        "blocked": [{"file": block.key, "reason": block.reason} for block in plan.blocks],
        "left": plan.left,
    }


def _change_object(change: Change) -> dict[str, Any]:
    fields = []
    for found in change.fields:
        before, after = shown(change, found)
        drifted = {"drifted": True} if found.drifted else {}
        fields.append({"field": found.field, "before": before, "after": after} | drifted)
    return {
        "action": change.action,
        "kind": change.kind.word,
        "file": change.key,
        "name": change.name,
        "id": change.id or None,
        **({"was": change.was} if change.was else {}),
        **({"commit": change.pinned[1]} if change.pinned[1] else {}),
        "fields": fields,
    }


def shown(change: Change, found: FieldChange) -> tuple[Any, Any]:
    """Both values in the form in which they were compared; what is new as its file has it."""
    if change.action == "create":
        return None, found.after
    before, after = simplified(found.field, found.before), simplified(found.field, found.after)
    return shortened(before, after), shortened(after, after)


def _short(value: Any) -> bool:
    return not isinstance(value, list | dict) and "\n" not in str(value) and len(str(value)) < _WIDTH - 30


def _line(value: Any) -> str:
    return clean(_text(value))


def _text(value: Any) -> str:
    from antcli.output.formats import yaml

    if isinstance(value, str):
        return value
    return yaml(value).rstrip("\n") if isinstance(value, list | dict) else str(value)


def _in_a_line(value: Any) -> str:
    import yaml

    return str(
        yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    ).strip()


def _safe(line: str) -> str:
    """On a terminal nothing of a file may be taken for a command."""
    return line if line.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)

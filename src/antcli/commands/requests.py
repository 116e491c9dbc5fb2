"""What a command line and a document make together: path, query, headers and body of one request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from antcli.commands import documents, values
from antcli.commands.embedding import embedded
from antcli.commands.field_help import REFERENCES
from antcli.commands.flags import Given, flag_name, inner_field
from antcli.errors import UsageError
from antcli.references import PICK

if TYPE_CHECKING:
    from antcli.context import Context
    from antcli.operations import Field, Operation

DEFAULTS = {"agent": "agent", "environment_id": "environment"}  # from the profile
_PICKED = REFERENCES | {"model_id": "models", "version": "skills.versions"}  # what can be chosen from a list
SESSION = "sessions.create"  # makes the default environment where none is named
# What the server says about a thing and nobody can change.
_SAID_BY_SERVER = {"id", "type", "created_at", "updated_at", "archived_at"}


class Parts(NamedTuple):
    path: dict[str, str]
    query: dict[str, Any]
    headers: dict[str, str]
    body: dict[str, Any] | None
    form: tuple[Any, ...] = ()  # the files of a form, as the client takes them


class Builder:
    """Puts a request together: first the flags, then under them a document, then what is missing."""

    def __init__(self, context: Context, operation: Operation, *, official: bool) -> None:
        self.context = context
        self.operation = operation
        self.official = official
        self.path: dict[str, str] = {}
        self.query: dict[str, Any] = {}
        self.headers: dict[str, Any] = {}
        self.body: dict[str, Any] = {}
        self.files: dict[str, list[str]] = {}

    # Flags.

    def flags(self, given: Iterable[Given]) -> None:
        """Takes flags in their order. Raises UsageError that names the flag."""
        places = (
            (self.operation.query, self.query), (self.operation.headers, self.headers), (self.operation.body, self.body)
        )  # fmt: skip
        targets = {field.name: target for fields, target in places for field in fields}
        for flag in given:
            field = flag.field
            if field.type.startswith("file"):
                self.files.setdefault(field.name, []).append(flag.value)
            elif flag.inside:
                self._inside(self.body, flag)
            else:
                put(targets[field.name], field, flag.name, flag.value)

    def _inside(self, body: dict[str, Any], flag: Given) -> None:
        """`--config.type cloud` sets a field of the object, behind `--tool ...` one of the list's last element."""
        outer: Any = body
        keys = (flag.field.name, *flag.inside)
        for depth, key in enumerate(keys[:-1]):
            found = inner_field(flag.field, flag.inside[:depth]) if depth else flag.field
            many = found is not None and found.type.endswith("[]")
            outer = _step(outer, key, many=many, name=flag.name)
        last = inner_field(flag.field, flag.inside)
        if last is not None:
            put(outer, last, flag.name, flag.value)
        elif flag.field.type == "map":
            outer[keys[-1]] = embedded(flag.value, name=flag.name)
        else:
            outer[keys[-1]] = embedded(values.relaxed(flag.value, name=flag.name), name=flag.name)

    # The document.

    def document(self, file: str | None, *, ids: str | None) -> None:
        """Takes what a file or stdin says under the flags. `ids` is the path parameter that `id` stands for."""
        found = values.document(file) if file else self._on_stdin()
        if found is None:
            return
        rest = dict(found)
        returned = self._path_of(rest, ids)
        known = returned
        for fields, target in ((self.operation.query, self.query), (self.operation.headers, self.headers)):
            for field in fields:
                if field.name in rest:
                    value = rest.pop(field.name)
                    known = True
                    if value not in (None, []):
                        target.setdefault(field.name, value)
        if not self.operation.body:
            if rest and not returned and known:
                raise UsageError(f"{file or 'stdin'}: this command does not take {', '.join(sorted(rest))}.")
            return
        rest = self._without_what_the_server_says(rest) if returned else embedded(rest, name=file or "stdin")
        self.body = {**self._with_files(rest), **self.body}

    def _on_stdin(self) -> dict[str, Any] | None:
        return documents.from_stdin(
            self.context, missing=self._missing_before(), body=bool(self.operation.body), official=self.official
        )

    def _path_of(self, rest: dict[str, Any], ids: str | None) -> bool:
        """Path parameters from the document. True when the document is a thing that the server made: it has an id."""
        returned = False
        for name in self.operation.path_params:
            for key in (name, "id") if name == ids else (name,):
                if isinstance(rest.get(key), str):
                    returned = returned or key == "id"
                    value = rest.pop(key)
                    self.path.setdefault(name, value)
                    break
        return returned

    def _without_what_the_server_says(self, rest: dict[str, Any]) -> dict[str, Any]:
        """`retrieve | edit | update`: what cannot be updated is left out, and nothing in it is taken for a file."""
        fields = {field.name for field in self.operation.body}
        left_out = sorted(set(rest) - fields - _SAID_BY_SERVER)
        if left_out:
            self.context.output.notice(
                f"Not sent, because {self.operation.name} does not take it: {', '.join(left_out)}."
            )
        return {key: value for key, value in rest.items() if key in fields}

    def _with_files(self, rest: dict[str, Any]) -> dict[str, Any]:
        for field in self.operation.body:
            if field.type.startswith("file") and field.name in rest:
                value = rest.pop(field.name)
                self.files.setdefault(field.name, list(value) if isinstance(value, list) else [value])
        return rest

    # What is missing.

    def _missing_before(self) -> str:
        missing = self.missing()
        if not missing and self._changes_nothing():
            return "what to change"
        return ", ".join(missing)

    def missing(self) -> list[str]:
        """What the request needs and nobody said, by the names of the flags."""
        lacking = [name for name in self.operation.path_params if name not in self.path]
        words = [flag_name(name) if self.official else name.removesuffix("_id").upper() for name in lacking]
        return words + [flag_name(field.name, field.type) for field in self._lacking()]

    def _lacking(self) -> list[Field]:
        return [
            field for field in self.operation.body
            if field.required and field.name not in self.body and field.name not in self.files
            and (self.official or not self._has_default(field))
        ]  # fmt: skip

    def _has_default(self, field: Field) -> bool:
        if field.implied or (field.name == "environment_id" and self.operation.name == SESSION):
            return True
        return field.name in DEFAULTS and self.context.default(DEFAULTS[field.name]) is not None

    def refuse_nothing(self) -> None:
        """Raises UsageError for an update that changes nothing; the official command line sends it."""
        if self._changes_nothing() and not self.official:
            options = ", ".join(flag_name(field.name, field.type) for field in self.operation.body[:4])
            raise UsageError("Nothing to change.", hint=f"Say what with options ({options}, ...) or -f FILE.")

    def _changes_nothing(self) -> bool:
        return self.operation.name.endswith(".update") and not (self.body or self.files)

    def ask(self) -> None:
        """Leaves what is missing to a person, if there is one and all of it can be chosen from lists."""
        fields = [field.name for field in self._lacking()]
        lacking = [name for name in self.operation.path_params if name not in self.path]
        if self.context.can_pick and all(name in _PICKED for name in (*lacking, *fields)):
            self.path = {name: self.path.get(name, PICK) for name in self.operation.path_params}
            self.body |= dict.fromkeys(fields, PICK)

    def check(self) -> None:
        """Raises UsageError that names all that is missing."""
        arguments = [name for name in self.operation.path_params if name not in self.path]
        missing = self.missing()
        if not missing:
            return
        if arguments and not self.official:
            missing = missing[: len(arguments)]
            raise UsageError(f"Missing argument{'s'[: len(missing) > 1]} {', '.join(missing)}.")
        raise UsageError(f"Missing option{'s'[: len(missing) > 1]} {', '.join(missing)}.")

    # The result.

    def parts(self, *, look_up: bool) -> Parts:
        """The request. With `look_up`, names become ids; that may ask the server."""
        if not self.official:
            self._defaults()
            self._model_files()
            self._environment(look_up)
        body = self.body if self.operation.body else None
        path, query = dict(self.path), dict(self.query)
        within: list[str] = []
        for name in path:
            if look_up or _is_open(path[name]):
                self._resolve(path, name, *within)
            within.append(path[name])
        for values_of in (query, self.body):
            for name in REFERENCES:
                if look_up or _is_open(values_of.get(name)):
                    self._resolve(values_of, name, *within)
        headers = {name: str(value) for name, value in self.headers.items() if value is not None}
        return Parts(path, query, headers, body, self._form())

    def _defaults(self) -> None:
        for field in self.operation.body:
            if field.implied:
                self.body.setdefault(field.name, field.choices[0])
            elif field.required and field.name in DEFAULTS and field.name not in self.body:
                default = self.context.default(DEFAULTS[field.name])
                if default is not None:
                    self.body[field.name] = str(default)

    def _model_files(self) -> None:
        """A model that is a file here is named so that the engine finds it from where it runs."""
        model = self.body.get("model")
        if model is None:
            return
        from antcli.commands.starting import FILE_MODELS, model_id

        id = model.get("id") if isinstance(model, dict) else model
        if not isinstance(id, str) or not id.startswith(FILE_MODELS) or self.context.selection.kind != "local":
            return
        self.body["model"] = {**model, "id": model_id(id)} if isinstance(model, dict) else model_id(id)

    def _environment(self, look_up: bool) -> None:
        if self.operation.name != SESSION or "environment_id" in self.body:
            return
        from antcli.client.launch import ENVIRONMENT_NAME, ensure_environment

        self.body["environment_id"] = ensure_environment(self.context.client)["id"] if look_up else ENVIRONMENT_NAME

    def _resolve(self, found: dict[str, Any], name: str, *within: str) -> None:
        value = found.get(name)
        kind = (_PICKED if _is_open(value) else REFERENCES).get(name)
        if kind is None:
            return
        above = within if "." in kind else ()
        if isinstance(value, str):
            found[name] = self.context.resolve_id(kind, value, *above)
        elif isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            found[name] = [self.context.resolve_id(kind, entry, *above) for entry in value]

    def references(self) -> dict[str, str]:
        """The fields that hold what may be a name."""
        found = {**self.path, **self.query, **self.body}
        return {name: found[name] for name in REFERENCES if isinstance(found.get(name), str)}

    def _form(self) -> tuple[Any, ...]:
        if not self.operation.multipart:
            return ()
        from antcli.commands.forms import parts

        return parts(self.operation, self.files)


def _is_open(value: Any) -> bool:
    """Somebody has to be asked, before anything else is done with it."""
    return value == PICK or (isinstance(value, list) and PICK in value)


def put(target: dict[str, Any], field: Field, name: str, text: Any) -> None:
    """Adds what a flag says to what earlier ones said about the same field. Raises UsageError that names the flag."""
    if text == "null" and (field.nullable or field.type in ("object", "map")):
        target[field.name] = None
    elif field.type == "string[]" and field.nullable and text.startswith("["):
        target[field.name] = embedded(values.parse(text, source=name), name=name)
    elif field.type.endswith("[]"):
        target[field.name] = [*_list(target.get(field.name)), *elements(field.type[:-2], name, text)]
    elif field.type in ("object", "map"):
        entries = values.pairs(text, name=name) if field.type == "map" else values.mapping(text, name=name)
        target[field.name] = {**(target.get(field.name) or {}), **embedded(entries, name=name)}
    else:
        target[field.name] = scalar(field, name, text)


def elements(type: str, name: str, text: str) -> Sequence[Any]:
    """What one use of a repeated flag adds to its list."""
    if type == "object":
        return embedded(values.objects(text, name=name), name=name)  # type: ignore[no-any-return]
    if type == "any":
        found = values.text_or_structure(text, name=name)
        return found if isinstance(found, list) else [found]
    return [embedded(text, name=name)]


def scalar(field: Field, name: str, text: Any) -> Any:
    if field.type == "boolean":
        return text
    if field.type == "integer":
        return values.integer(text, name=name)
    if field.type == "number":
        return values.number(text, name=name)
    if field.type == "any":
        return values.text_or_structure(text, name=name, prose=field.name == "system")
    return embedded(text, name=name)


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _step(outer: dict[str, Any], key: str, *, many: bool, name: str) -> dict[str, Any]:
    """The object at `key` of another one, made where there is none; of a list, its last element."""
    found = outer.get(key)
    if found is None:
        found = [{}] if many else {}
        outer[key] = found
    if isinstance(found, list):
        if not found:
            found.append({})
        found = found[-1]
    if not isinstance(found, dict):
        raise UsageError(f"{name}: what came before it is no object, so nothing can be set in it.")
    return found

"""What the API of GitHub says and gives: which commit a name stands for, and the files of a commit."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import IO, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from antcli import __version__
from antcli.client.retries import delay_before, worth_repeating
from antcli.client.server import Server
from antcli.client.transport import OpenResponse, Request, transport_to
from antcli.errors import AntError, ExitCode, ServerError, UsageError

COMMIT = re.compile(r"[0-9a-f]{40}")
LARGEST_ARCHIVE = 256 << 20
_PUBLIC_API = "https://api.github.com"
_SILENCE, _LONGEST = 30.0, 600.0  # seconds
_RETRIES = 2
_HOPS = 4
_LONGEST_NAME = 4  # parts of a branch's name
_NAME = r"[A-Za-z0-9._-]+"
_ADDRESS = re.compile(rf"https://github\.com/({_NAME})/({_NAME}?)(?:\.git)?(?:/tree/([^?#]+))?/?", re.IGNORECASE)
_HINT = "Write https://github.com/OWNER/REPOSITORY/tree/BRANCH/FOLDER, or clone it and name the folder."


class Address(NamedTuple):
    """A folder of a repository. `rest` is a branch, tag or commit, and then the folder: GitHub tells them apart."""

    owner: str
    repository: str
    rest: tuple[str, ...]

    def splits(self) -> Iterator[tuple[str, str]]:
        """Every (name of a commit, folder) that it can mean, the shortest name first."""
        if not self.rest:
            yield "HEAD", ""
        for length in range(1, len(self.rest) + 1):
            yield "/".join(self.rest[:length]), "/".join(self.rest[length:])


def parsed(text: str) -> Address:
    """Raises UsageError for what is no address of a folder at GitHub."""
    found = _ADDRESS.fullmatch(text)
    rest = tuple((found[3] or "").strip("/").split("/")) if found else ()
    if found is None or {".", ".."} & {found[1], found[2]} or (rest != ("",) and {"", ".", ".."} & {*rest}):
        raise UsageError(f"{text} is no address of a folder at GitHub.", hint=_HINT)
    return Address(found[1], found[2], () if rest == ("",) else rest)


class GitHub:
    """GITHUB_TOKEN goes to the API and nowhere else; what the API says where a file is gets none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._api = (environ.get("ANT_GITHUB_API_URL") or _PUBLIC_API).rstrip("/")
        self._token = (environ.get("GITHUB_TOKEN") or "").strip()

    def commit(self, address: Address) -> str:
        """The commit that the address stands for now. Raises AntError."""
        for name, _ in islice(address.splits(), _LONGEST_NAME):
            if COMMIT.fullmatch(name):
                return name
            path = f"/repos/{address.owner}/{address.repository}/commits/{quote(name, safe='')}"
            with self._opened(path, "application/vnd.github.sha") as answer:
                if answer.status == 200:
                    sha = _whole(answer, 4096).decode("ascii", "replace").strip()
                    if COMMIT.fullmatch(sha):
                        return sha
                    raise ServerError(f"{self._api} answered with no commit.", hint="Try again.")
                if answer.status not in (404, 422):
                    raise self._refusal(answer)
        raise self._nothing_there(address)

    def archive(self, address: Address, commit: str) -> IO[bytes]:
        """All files of a commit, as a compressed tar in a file that is nowhere else. Raises AntError."""
        path = f"/repos/{address.owner}/{address.repository}/tarball/{commit}"
        with self._opened(path, "application/vnd.github+json") as answer:
            if answer.status == 404:
                raise self._nothing_there(address)
            if answer.status != 200:
                raise self._refusal(answer)
            file = tempfile.TemporaryFile()  # noqa: SIM115  (the caller's)
            try:
                _fill(file, answer)
            except BaseException:
                file.close()
                raise
            return file

    @contextmanager
    def _opened(self, path: str, accept: str) -> Iterator[OpenResponse]:
        """The answer after all redirects; tried again where that may help."""
        url, attempt, hops = self._api + path, 0, 0
        while True:
            origin, target = _parts(url)
            headers = {"accept": accept, "accept-encoding": "identity", "user-agent": f"ant/{__version__}"}
            if self._token and origin == _parts(self._api)[0]:
                headers["authorization"] = f"Bearer {self._token}"
            pool = transport_to(Server(origin, "hosted", "", "", headers=headers), timeout=_SILENCE)
            try:
                try:
                    answer = pool.open(Request("GET", target, headers), timeout=_SILENCE)
                except ServerError as error:
                    if attempt >= _RETRIES:
                        raise ServerError(error.message, hint="Check the connection, then try again.") from None
                    wait = delay_before(attempt + 1)
                else:
                    with _closing(answer):
                        if answer.status in (301, 302, 303, 307, 308) and hops < _HOPS:
                            url, hops = _next(url, answer), hops + 1
                            continue
                        last = attempt >= _RETRIES or answer.status == 429
                        if last or not worth_repeating(answer.status, answer.headers):
                            yield answer
                            return
                        wait = delay_before(attempt + 1, answer.headers)
            finally:
                pool.close()
            attempt += 1
            time.sleep(wait)

    def _refusal(self, answer: OpenResponse) -> AntError:
        headers = answer.headers
        if answer.status == 429 or (
            answer.status == 403 and (headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers)
        ):
            hint = "Wait." if self._token else "Set GITHUB_TOKEN: with a token the limit is higher."
            return ServerError(f"GitHub limits how often it is asked{_until(headers)}.", hint=hint)
        if answer.status in (401, 403):
            return AntError(
                f"GitHub refuses ({answer.status}).", hint="Check GITHUB_TOKEN: it may be too old, or for others.",
                code=ExitCode.NOT_LOGGED_IN,
            )  # fmt: skip
        return ServerError(f"GitHub answered {answer.status}.", hint="Try again.")

    def _nothing_there(self, address: Address) -> AntError:
        where = f"{address.owner}/{address.repository}" + (f"/tree/{'/'.join(address.rest)}" if address.rest else "")
        hint = "May GITHUB_TOKEN read it?" if self._token else "If it is private, set GITHUB_TOKEN."
        return AntError(f"GitHub has no {where}.", hint=hint, code=ExitCode.NOT_FOUND)


def _fill(file: IO[bytes], answer: OpenResponse) -> None:
    end, size = time.monotonic() + _LONGEST, 0
    for chunk in answer.chunks():
        size += len(chunk)
        if size > LARGEST_ARCHIVE:
            raise UsageError(f"The repository has more than {LARGEST_ARCHIVE >> 20} MB.", hint=_HINT)
        if time.monotonic() > end:
            raise ServerError("GitHub sends too slowly.", hint="Try again.")
        file.write(chunk)


@contextmanager
def _closing(answer: OpenResponse) -> Iterator[None]:
    try:
        yield
    finally:
        answer.close()


def _parts(url: str) -> tuple[str, str]:
    """Where it is and what is asked for. Raises UsageError for an open road to another machine."""
    found = urlsplit(url)
    local = found.hostname in ("127.0.0.1", "localhost", "::1")
    if not found.hostname or found.scheme not in ("https", "http") or (found.scheme == "http" and not local):
        raise UsageError(f"Skills are fetched over https, not from {found.scheme}://{found.hostname}.")
    return f"{found.scheme}://{found.netloc}", (found.path or "/") + (f"?{found.query}" if found.query else "")


def _next(url: str, answer: OpenResponse) -> str:
    where = answer.headers.get("location")
    if not where:
        raise ServerError("GitHub points elsewhere without saying where.", hint="Try again.")
    return urljoin(url, where)


def _whole(answer: OpenResponse, most: int) -> bytes:
    content = b""
    for chunk in answer.chunks():
        content += chunk
        if len(content) > most:
            break
    return content


def _until(headers: Mapping[str, str]) -> str:
    try:
        return time.strftime(", until %H:%M", time.localtime(int(headers["x-ratelimit-reset"])))
    except (KeyError, ValueError, OverflowError, OSError):
        return ""

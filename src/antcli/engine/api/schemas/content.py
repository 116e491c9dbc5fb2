"""Content blocks that clients may send (api.md 10.1)."""

from __future__ import annotations

import binascii
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from antcli.engine.api.schemas.base import Body, Identifier, by_type, invalid_value, limited, tag


def _check_base64(data: str) -> str:
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except (binascii.Error, ValueError):
        raise invalid_value("not valid base64") from None
    return data


def _check_url(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise invalid_value("must be an http or https URL")
    return url


Text = Annotated[str, limited(32 * 1024 * 1024, 1)]
Base64 = Annotated[Text, AfterValidator(_check_base64)]
Url = Annotated[str, AfterValidator(_check_url)]


class FileSource(Body):
    """A file of this server; the model is shown its content."""

    type: Literal["file"]
    file_id: Identifier


_File = Annotated[FileSource, tag("file")]


class TextBlock(Body):
    type: Literal["text"]
    text: Text


class Base64Image(Body):
    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: Base64


class Base64Document(Body):
    type: Literal["base64"]
    media_type: Literal["application/pdf"]
    data: Base64


class TextDocument(Body):
    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: Text


class UrlSource(Body):
    type: Literal["url"]
    url: Url


class ImageBlock(Body):
    type: Literal["image"]
    source: Annotated[
        Annotated[Base64Image, tag("base64")] | Annotated[UrlSource, tag("url")] | _File,
        by_type("base64", "url", "file"),
    ]


class DocumentBlock(Body):
    type: Literal["document"]
    source: Annotated[
        Annotated[Base64Document, tag("base64")]
        | Annotated[TextDocument, tag("text")]
        | Annotated[UrlSource, tag("url")]
        | _File,
        by_type("base64", "text", "url", "file"),
    ]
    title: str | None = None
    context: str | None = None


class Citations(Body):
    enabled: bool


class SearchResultBlock(Body):
    type: Literal["search_result"]
    source: str
    title: str
    content: Annotated[list[TextBlock], Field(min_length=1)]
    citations: Citations


MessageBlock = Annotated[
    Annotated[TextBlock, tag("text")] | Annotated[ImageBlock, tag("image")] | Annotated[DocumentBlock, tag("document")],
    by_type("text", "image", "document"),
]
ResultBlock = Annotated[
    Annotated[TextBlock, tag("text")]
    | Annotated[ImageBlock, tag("image")]
    | Annotated[DocumentBlock, tag("document")]
    | Annotated[SearchResultBlock, tag("search_result")],
    by_type("text", "image", "document", "search_result"),
]

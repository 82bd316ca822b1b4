"""Who signed a webhook: its headers and exact bytes against the secret of its source.

Providers differ in the header, the hash, how the digest is written, and in whether a time is signed
along; each is one `Scheme` here, and the general form is one that its source spells out. Digests
are compared in constant time. Knows nothing of HTTP routes, nor of what is in the body.

Sources: the providers' own pages on checking signatures (Stripe "Verify webhook signatures", GitHub
"Validating webhook deliveries", Segment "Webhooks Destination").
"""

import base64
import binascii
import enum
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from bitbrook.errors import InvalidSignature, InvalidValue

BODY, TIMESTAMP = "{body}", "{timestamp}"

HeaderName = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
Secret = Annotated[str, Meta(min_length=8, max_length=1_024)]

_SIGNED_CHARACTERS_MAX = 200
_DIGITS = re.compile(r"\d{1,12}", re.ASCII)


class Provider(enum.StrEnum):
    """Who sends a source's webhooks; GENERAL: somebody whose way of signing is spelled out."""

    STRIPE = "stripe"
    GITHUB = "github"
    SEGMENT = "segment"
    GENERAL = "general"


class Algorithm(enum.StrEnum):
    """The hash of an HMAC."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class Encoding(enum.StrEnum):
    """How a digest is written."""

    HEX = "hex"
    BASE64 = "base64"


class Webhook(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How the webhooks of a source are signed, and where their records are.

    `header` to `signed` are of the general form alone. `prefix`: what stands before the digest.
    `signed`: what the HMAC is of, with `{body}` once and, where a `timestamp_header` is named,
    `{timestamp}` once. `tolerance_s`: how far a signed time may be off. `records_path`: the object
    keys that lead to the records, none if the body itself is one or a list of them.
    """

    provider: Provider
    secret: Secret
    header: HeaderName | None = None
    algorithm: Algorithm = Algorithm.SHA256
    encoding: Encoding = Encoding.HEX
    prefix: Annotated[str, Meta(max_length=100)] = ""
    timestamp_header: HeaderName | None = None
    signed: Annotated[str, Meta(max_length=_SIGNED_CHARACTERS_MAX)] = BODY
    tolerance_s: Annotated[int, Meta(ge=1, le=86_400)] = 300
    records_path: tuple[str, ...] = ()


class Scheme(NamedTuple):
    """A way of signing; `Webhook` tells what the members are. `header` is in lower case.

    `lists_parts`: whether the header has `t=<time>` and any number of `<prefix><digest>`, parted by
    commas.
    """

    header: str
    algorithm: str
    encoding: Encoding = Encoding.HEX
    prefix: str = ""
    timestamp_header: str | None = None
    signed: str = BODY
    lists_parts: bool = False

    @property
    def is_timed(self) -> bool:
        """Whether a time is signed along."""
        return TIMESTAMP in self.signed


_SCHEMES = {
    Provider.STRIPE: Scheme(
        "stripe-signature",
        "sha256",
        prefix="v1=",
        signed=f"{TIMESTAMP}.{BODY}",
        lists_parts=True,
    ),
    Provider.GITHUB: Scheme("x-hub-signature-256", "sha256", prefix="sha256="),
    Provider.SEGMENT: Scheme("x-signature", "sha1"),
}


def check_webhook(webhook: Webhook) -> None:
    """Return if webhooks can be signed so.

    Raises:
        InvalidValue: names the member that cannot be.
    """
    is_general = webhook.provider is Provider.GENERAL
    spelled_out = msgspec.structs.replace(
        Webhook(webhook.provider, webhook.secret),
        tolerance_s=webhook.tolerance_s,
        records_path=webhook.records_path,
    )
    if not is_general and webhook != spelled_out:
        raise InvalidValue(
            f"{webhook.provider} signs in its own way; leave out header, algorithm, encoding, "
            "prefix, timestamp_header and signed, or make the provider general",
            field="provider",
        )
    if is_general and webhook.header is None:
        raise InvalidValue("header is missing; name the one that has the signature", field="header")
    times = 0 if webhook.timestamp_header is None else 1
    counts = (webhook.signed.count(BODY), webhook.signed.count(TIMESTAMP))
    if is_general and counts != (1, times):
        raise InvalidValue(
            f"signed {webhook.signed!r} must have {BODY} once, and {TIMESTAMP} once where a "
            "timestamp_header is named and else never",
            field="signed",
        )


def check_signature(
    webhook: Webhook, headers: Mapping[str, str], body: bytes, *, now_s: float
) -> str:
    """Return the digest of what was signed, as hexadecimal digits, if the secret signed it.

    `headers`: by lower-case name. `body`: as it was sent, to the byte.

    Raises:
        InvalidSignature: it did not, or not lately; says nothing of what would have been right.
    """
    scheme = _scheme_of(webhook)
    given = headers.get(scheme.header, "").strip()
    if not given:
        raise InvalidSignature(f"the header {scheme.header} is missing; sign the request")
    timestamp, signatures = _parted(scheme, headers, given)
    before, after = scheme.signed.replace(TIMESTAMP, timestamp).split(BODY)
    digest = hmac.new(webhook.secret.encode(), before.encode(), scheme.algorithm)
    digest.update(body)
    digest.update(after.encode())
    expected = digest.digest()
    # All of them are compared, so that the time does not tell which one was near.
    matches = [hmac.compare_digest(expected, _decoded(each, scheme)) for each in signatures]
    if not any(matches):
        raise InvalidSignature(
            f"the signature in {scheme.header} is not that of this body by the source's secret"
        )
    if scheme.is_timed:
        off_s = abs(now_s - int(timestamp))
        if off_s > webhook.tolerance_s:
            raise InvalidSignature(
                f"the request was signed {off_s:,.0f} s from now and {webhook.tolerance_s:,} s are "
                "allowed; send it anew, or set the sender's clock"
            )
    return hashlib.sha256(expected).hexdigest()


def _scheme_of(webhook: Webhook) -> Scheme:
    if webhook.provider is not Provider.GENERAL:
        return _SCHEMES[webhook.provider]
    assert webhook.header is not None, "a webhook is checked before it is kept"
    return Scheme(
        webhook.header.lower(),
        webhook.algorithm.value,
        webhook.encoding,
        webhook.prefix,
        None if webhook.timestamp_header is None else webhook.timestamp_header.lower(),
        webhook.signed,
    )


def _parted(scheme: Scheme, headers: Mapping[str, str], given: str) -> tuple[str, list[str]]:
    """Return the time, "" if none is signed, and the digests as they are written."""
    timestamp = ""
    parts = [given]
    if scheme.lists_parts:
        parts = [part.strip() for part in given.split(",")]
        timestamp = next((part[2:] for part in parts if part.startswith("t=")), "")
    elif scheme.timestamp_header is not None:
        timestamp = headers.get(scheme.timestamp_header, "").strip()
    if scheme.is_timed and not _DIGITS.fullmatch(timestamp):
        where = scheme.timestamp_header or scheme.header
        raise InvalidSignature(f"the header {where} has no time in Unix seconds")
    length = len(scheme.prefix)
    return timestamp, [part[length:] for part in parts if part.startswith(scheme.prefix)]


def _decoded(written: str, scheme: Scheme) -> bytes:
    """Return a digest from its text; b"", which no digest is, if it is none."""
    try:
        if scheme.encoding is Encoding.BASE64:
            return base64.b64decode(written, validate=True)
        return bytes.fromhex(written)
    except (binascii.Error, ValueError):
        return b""

"""A webhook's body becomes the body of a request of records, its values as they were written."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from bitbrook.errors import InvalidBody

_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_any = msgspec.json.Decoder(Raw).decode

_BLANKS = b" \t\r\n"


def records_body(body: bytes, path: Sequence[str]) -> bytes:
    """Return `{"records": [{"value": ...}, ...]}` of the object, or list of them, at a path.

    Raises:
        InvalidBody: it is not JSON, or has nothing at the path.
    """
    try:
        found = bytes(_decode_any(body))
        for depth, key in enumerate(path, 1):
            members = _decode_object(found)
            if key not in members:
                where = ".".join(path[:depth])
                raise InvalidBody(f"the body has nothing at {where!r}, where its records should be")
            found = bytes(members[key])
        is_list = found.lstrip(_BLANKS).startswith(b"[")
        values = list(map(bytes, _decode_list(found))) if is_list else [found]
    except msgspec.ValidationError:
        raise InvalidBody(f"the body is not objects down to {'.'.join(path)!r}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as fault:
        reason = str(fault).removeprefix("JSON is malformed: ").lower()
        raise InvalidBody(f"the body is not JSON: {reason}") from None
    if not values:
        return b'{"records":[]}'
    return b'{"records":[{"value":' + b'},{"value":'.join(values) + b"}]}"

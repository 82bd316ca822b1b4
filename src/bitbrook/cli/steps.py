"""HTTP calls as a reader sees them: a heading, the call, its answer."""

import json
from typing import Any

import httpx
from rich.console import Console
from rich.text import Text

from bitbrook.cli.failing import fail

BODY_CHARACTERS_MAX = 240
LINE_CHARACTERS = 96
ITEMS_MAX = 12
_TOKENS = frozenset({"AccessToken", "IdToken", "RefreshToken"})


class Steps:
    """Makes calls and prints them."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._console = Console(highlight=False, soft_wrap=True)
        self._count = 0

    def begin(self, heading: str) -> None:
        """Print the heading of the next step."""
        self._count += 1
        self.say("")
        self._console.print(Text(f"{self._count}. {heading}", style="bold"))

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(Text(text))

    def authorize(self, token: str) -> None:
        """Send a token with every call from now on."""
        self._client.headers["Authorization"] = f"Bearer {token}"

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        expected: tuple[int, ...] = (200, 201),
    ) -> dict[str, Any]:
        """Return the answer to a call, having printed both; end the command on another status."""
        content = None if body is None else json.dumps(body)
        self._console.print(Text(f"   {method} {path}", style="cyan"))
        if content is not None:
            self._console.print(Text(f"   {_shortened(content)}", style="dim"))
        response = self._client.request(method, path, content=content)
        answer: dict[str, Any] = response.json()
        self.say(f"   -> {response.status_code}")
        for line in _layout(_without_tokens(answer)):
            self.say(f"   {line}")
        if response.status_code not in expected:
            fail(f"{method} {path} answered {response.status_code}")
        return answer

    def peek(self, path: str) -> httpx.Response:
        """Return what a GET answers, unprinted."""
        return self._client.get(path)


def _shortened(text: str) -> str:
    if len(text) <= BODY_CHARACTERS_MAX:
        return text
    return f"{text[:BODY_CHARACTERS_MAX]} ... ({len(text):,} characters)"


def _layout(node: Any, indent: int = 0) -> list[str]:
    """Return an answer as lines of JSON: what fits stands on one line, long lists are cut short."""
    whole = json.dumps(node, ensure_ascii=False)
    if indent + len(whole) <= LINE_CHARACTERS or not isinstance(node, dict | list) or not node:
        return [" " * indent + whole]
    if isinstance(node, dict):
        lines: list[str] = []
        for key, value in node.items():
            first, *rest = _layout(value, indent + 2)
            lines += [f"{' ' * (indent + 2)}{json.dumps(key)}: {first.lstrip()}", *rest]
            lines[-1] += ","
        lines[-1] = lines[-1].removesuffix(",")
        return [" " * indent + "{", *lines, " " * indent + "}"]
    lines = []
    for item in node[:ITEMS_MAX]:
        lines += _layout(item, indent + 2)
        lines[-1] += ","
    lines[-1] = lines[-1].removesuffix(",")
    if len(node) > ITEMS_MAX:
        lines.append(f"{' ' * (indent + 2)}... ({len(node) - ITEMS_MAX:,} more)")
    return [" " * indent + "[", *lines, " " * indent + "]"]


def _without_tokens(node: Any) -> Any:
    """Return an answer with its tokens cut short: they are long, and secrets."""
    if not isinstance(node, dict):
        return node
    return {
        key: f"{value[:12]}..." if key in _TOKENS else _without_tokens(value)
        for key, value in node.items()
    }

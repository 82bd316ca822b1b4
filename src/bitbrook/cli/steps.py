"""HTTP calls as a reader sees them: a heading, the call, its answer."""

import json
import sys
from typing import Any, NoReturn

import httpx
import typer
from rich.console import Console
from rich.text import Text

BODY_CHARACTERS_MAX = 400
LINES_MAX = 60
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
        lines = json.dumps(_readable(answer), indent=2, ensure_ascii=False)
        for line in _folded(lines.splitlines()):
            self.say(f"   {line}")
        if response.status_code not in expected:
            self.fail(f"{method} {path} answered {response.status_code}")
        return answer

    def peek(self, path: str) -> httpx.Response:
        """Return what a GET answers, unprinted."""
        return self._client.get(path)

    def fail(self, message: str) -> NoReturn:
        """End the command."""
        print(f"bitbrook: {message}", file=sys.stderr, flush=True)
        raise typer.Exit(1)


def _shortened(text: str) -> str:
    if len(text) <= BODY_CHARACTERS_MAX:
        return text
    return f"{text[:BODY_CHARACTERS_MAX]} ... ({len(text):,} characters)"


def _readable(node: Any) -> Any:
    """Return a part of an answer with tokens cut short and small lists and objects on one line."""
    if isinstance(node, dict):
        return {
            key: f"{value[:12]}..." if key in _TOKENS else _readable(value)
            for key, value in node.items()
        }
    return [_readable(each) for each in node] if isinstance(node, list) else node


def _folded(lines: list[str]) -> list[str]:
    if len(lines) <= LINES_MAX:
        return lines
    left_out = len(lines) - LINES_MAX
    return [*lines[: LINES_MAX - 2], f"  ... ({left_out:,} lines more)", *lines[-2:]]

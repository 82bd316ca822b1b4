"""A real OpenID Connect provider in a process of its own, and a browser's part of a sign-in.

Another process on the same port has other keys: that is how its keys rotate.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

CLIENT_ID = "bitbrook-tests"
CLIENT_SECRET = "a-client-secret-of-the-tests"
START_TIMEOUT_S = 60.0

_PROGRAM = """
import logging, sys
from datetime import timedelta
from oidc_provider_mock import app
from werkzeug.serving import make_server
logging.getLogger("werkzeug").setLevel(logging.ERROR)
provider = app(require_nonce=True, access_token_max_age=timedelta(seconds=int(sys.argv[2])))
server = make_server("127.0.0.1", int(sys.argv[1]), provider, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""


class OidcProcess:
    """A provider, from its start; also a context manager that stops it.

    `ttl_s`: how long its tokens are good; below 0 they have expired when they are made.
    """

    def __init__(self, log: Path, *, port: int = 0, ttl_s: int = 3_600) -> None:
        environment = dict(os.environ, AUTHLIB_INSECURE_TRANSPORT="1", PYTHONWARNINGS="ignore")
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(port), str(ttl_s)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, log.read_text()
        self.port = int(line)
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it; its keys are gone for good."""
        self.process.terminate()
        self.process.wait(20)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def put_user(self, subject: str, **claims: Any) -> None:
        """Have a user with these claims."""
        httpx.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def keys(self) -> list[dict[str, Any]]:
        """Its public keys."""
        found: list[dict[str, Any]] = httpx.get(f"{self.issuer}/jwks").json()["keys"]
        return found

    def token(self, subject: str, *, client_id: str = CLIENT_ID, scope: str = "") -> str:
        """An ID token as some other program of the user would get it."""
        callback = "http://127.0.0.1/elsewhere"
        url = httpx.URL(
            f"{self.issuer}/oauth2/authorize",
            params={
                "response_type": "code",
                "client_id": client_id,
                "redirect_uri": callback,
                "scope": scope or "openid email profile",
                "nonce": os.urandom(8).hex(),
            },
        )
        code = parse_qs(urlsplit(self.sign_in(str(url), subject)).query)["code"][0]
        answer = httpx.post(
            f"{self.issuer}/oauth2/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": callback,
                "client_id": client_id,
                "client_secret": CLIENT_SECRET,
            },
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["id_token"]
        return token

    @staticmethod
    def sign_in(url: str, subject: str) -> str:
        """Sign in as a subject at the page of this URL; return where the browser goes next."""
        answer = httpx.post(url, data={"sub": subject})
        assert answer.status_code in {302, 303}, answer.text
        return re.sub(r"&amp;", "&", answer.headers["location"])

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                httpx.get(f"{self.issuer}/.well-known/openid-configuration").raise_for_status()
            except httpx.HTTPError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

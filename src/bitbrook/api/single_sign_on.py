"""Signing in by the identity provider over HTTP: to it, back from it, and tokens for a code.

A browser goes to `/v1/oidc/login`, comes back to `/v1/oidc/callback` and is led to the console with
a code behind the '#', which the page exchanges once at `/v1/oidc/tokens`. One cookie, out of reach
of scripts, ties the three together; it is no credential of any other route.
"""

from typing import Annotated
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import Parameter
from msgspec import UNSET, UnsetType

from bitbrook.api.paths import AnyRequest, base_url, versioned
from bitbrook.api.permissions import OPEN
from bitbrook.api.tokens import SignedIn, signed_in
from bitbrook.api.tracing import state_of
from bitbrook.api.workers import on_thread
from bitbrook.control.browser_login import PENDING_S, BrowserLogin
from bitbrook.control.service import Service
from bitbrook.errors import BitbrookError, NotAuthenticated, NotFound

TAGS = ["tokens"]

COOKIE = "bitbrook_sign_in"


class Provider(msgspec.Struct):
    """A way to sign in elsewhere. `login`: where a browser begins."""

    name: str
    login: str


class SignInOptions(msgspec.Struct, omit_defaults=True):
    """How one can sign in."""

    password: bool
    oidc: Provider | UnsetType = UNSET


class SignInCode(msgspec.Struct):
    """The code that a browser came back with."""

    code: str


@get(versioned("/sign-in-options"), opt=OPEN, tags=TAGS, sync_to_thread=False)
def sign_in_options(service: Service) -> SignInOptions:
    """Show how one can sign in here."""
    options = SignInOptions(password=True)
    if service.browser_login is not None:
        options.oidc = Provider(service.settings.oidc_name, "/v1/oidc/login")
    return options


@get(versioned("/oidc/login"), status_code=302, opt=OPEN, tags=TAGS)
@on_thread
def begin_login(request: AnyRequest, service: Service) -> Response[None]:
    """Send a browser to the identity provider."""
    begun = _login(service).begin(_callback(request, service))
    return _redirect(begun.url, request, service, begun.cookie)


@get(versioned("/oidc/callback"), status_code=302, opt=OPEN, tags=TAGS)
@on_thread
def finish_login(
    request: AnyRequest,
    service: Service,
    begun: Annotated[str, Parameter(query="state")] = "",
    code: str = "",
) -> Response[None]:
    """Take a browser back from the identity provider, to the console."""
    login = _login(service)
    try:
        if not code:
            raise NotAuthenticated("the identity provider did not let you in")
        own = login.finish(begun, code, request.cookies.get(COOKIE, ""))
    except BitbrookError as refusal:
        # A person looks at this, not a program: the console shows the reason.
        state_of(request.scope)["outcome"] = refusal.status
        return _redirect(f"/#sign-in-error={quote(refusal.message)}", request, service)
    return _redirect(f"/#sign-in-code={own}", request, service)


@post(versioned("/oidc/tokens"), status_code=200, opt=OPEN, tags=TAGS)
@on_thread
def exchange_code(request: AnyRequest, data: SignInCode, service: Service) -> Response[SignedIn]:
    """Get tokens for the code that a browser came back with; it is good once, for a minute."""
    user_id = _login(service).redeem(data.code, request.cookies.get(COOKIE, ""))
    return signed_in(service.identity.open_session(user_id))


def _login(service: Service) -> BrowserLogin:
    if service.browser_login is None:
        raise NotFound("no identity provider is configured here; sign in with a password")
    return service.browser_login


def _callback(request: AnyRequest, service: Service) -> str:
    return f"{base_url(request, service.settings)}/v1/oidc/callback"


def _redirect(
    url: str, request: AnyRequest, service: Service, cookie: str | None = None
) -> Response[None]:
    cookies = []
    if cookie is not None:
        is_secure = base_url(request, service.settings).startswith("https://")
        cookies.append(
            Cookie(
                COOKIE,
                path="/",
                value=cookie,
                max_age=round(PENDING_S) + 60,
                httponly=True,
                samesite="lax",
                secure=is_secure,
            )
        )
    return Response(None, status_code=302, headers={"location": url}, cookies=cookies)


ROUTES = (sign_in_options, begin_login, finish_login, exchange_code)

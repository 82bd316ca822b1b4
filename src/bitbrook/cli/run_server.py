"""The server from its settings to its end. Apart from `serve` because it takes long to import."""

from importlib.metadata import version

from bitbrook.api.app import build_app
from bitbrook.api.server import bind, serve_until_stopped
from bitbrook.console.serve import PAGES
from bitbrook.control.service import Service
from bitbrook.pgwire.server import postgres_server
from bitbrook.settings import Settings
from bitbrook.telemetry.spans import begin_tracing, end_tracing


def run_server(settings: Settings) -> None:
    """Serve until a signal, with what there is to know printed when it begins."""
    if settings.trace_url is not None:
        begin_tracing(settings.trace_url, version("bitbrook"))
    with (
        Service.open(settings) as service,
        bind(settings.host, settings.port) as listener,
        postgres_server(service) as take_over_certificate,
    ):
        host, port = listener.getsockname()[:2]
        scheme = "https" if settings.tls_cert else "http"
        shown_host = f"[{host}]" if ":" in host else host

        def when_ready() -> None:
            print(f"bitbrook serves {scheme}://{shown_host}:{port} on {settings.data.resolve()}")
            if service.first_password is not None:
                print(
                    f"Sign in as {settings.admin_email} with password {service.first_password} "
                    "(shown this once; keep it)"
                )
            print(
                f"Browse the API at {scheme}://{shown_host}:{port}/docs; Ctrl-C stops", flush=True
            )

        def when_hung_up() -> None:
            service.signing_keys.reload()
            take_over_certificate()

        serve_until_stopped(
            build_app(service, PAGES),
            listener,
            drain_timeout_s=settings.drain_timeout_s,
            head_timeout_s=settings.request_timeout_s,
            certificate=settings.tls_cert,
            key=settings.tls_key,
            when_ready=when_ready,
            when_stopping=service.begin_stop,
            when_hung_up=when_hung_up,
            trusted_proxies=settings.trusted_proxies,
        )
    end_tracing()
    print("bitbrook has stopped", flush=True)

"""`relx serve`: a pipeline behind HTTP."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ._app import CodeOpt, GpuOpt, ModelArg, import_code, load_pipeline, relx_app, report_errors, use_gpu


@relx_app.command("serve")
@report_errors
def serve_cli(
    model: ModelArg,
    host: Annotated[str, typer.Option("--host", help="Address to listen to; 0.0.0.0 for all networks")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="Port, 0 for any that is free")] = 8000,
    max_texts: Annotated[int, typer.Option("--max-texts", min=1, help="Texts of a request")] = 64,
    max_chars: Annotated[int, typer.Option("--max-chars", min=1, help="Characters of a text")] = 100_000,
    max_total: Annotated[
        int, typer.Option("--max-total", min=1, help="Characters of all texts of a request")
    ] = 1_000_000,
    max_waiting: Annotated[
        int, typer.Option("--max-waiting", min=0, help="Requests that wait while one is worked on; others are refused")
    ] = 16,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Answer POST /extract with the relations of texts, as JSON, until ctrl-C. See docs/serving.md.

    There is no login: whoever reaches the port can use it.
    """
    from ..data._compat import optional_import

    for package in ("fastapi", "uvicorn"):  # before a pipeline is loaded
        optional_import(package, extra="serve", purpose="relx serve")
    from ..run.serving import Limits, create_app, run_server

    limits = Limits(max_texts, max_chars, max_total, max_waiting)
    use_gpu(gpu)
    import_code(code)
    app = create_app(load_pipeline(model), limits, gpu=gpu)

    def started(address: str) -> None:
        typer.secho(f"✔ {model} at {address}/extract (ctrl-C ends it)", fg="green", err=True)

    run_server(app, host, port, started)
    if app.state.worker.is_busy:  # with a request that nobody waits for any more
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

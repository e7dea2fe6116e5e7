"""`bagpipe serve`: a trained model behind HTTP, and a page to try it."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Sized
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bagpipe.serving.batching import Batches, BusyError
from bagpipe.serving.protocol import (
    VERSION,
    InferRequest,
    PredictRequest,
    infer_response,
    model_metadata,
    predict_response,
)
from bagpipe.texts.predict import Classifier, ExplainedPrediction
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import first_sentence

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, JSONResponse, Response
    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send
except ModuleNotFoundError:
    raise UserError("a server needs the extra `serve`: pip install -e '.[serve]'") from None

PAGE = Path(__file__).with_name("page.html")
# The page is one file and asks nobody but this server.
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
BATCHES_WAITING = 10  # texts that may wait, in units of the largest batch
CONNECTIONS = 1_000
# By default the clients of the protocol send and ask for tensors behind the JSON, whose length they then tell so.
BINARY_TENSORS = "Inference-Header-Content-Length"

AnyRequest = TypeVar("AnyRequest", bound=BaseModel)


def request_problem(error: ValidationError) -> str:
    """The first mistake of a request; of one that is no JSON, without all of it."""
    first = error.errors(include_url=False)[0]
    return first["msg"] if first["type"] == "json_invalid" else first_sentence(error)


class Service:
    """The answers of one model."""

    def __init__(self, name: str, classifier: Classifier, most_texts: int, most_bytes: int) -> None:
        """Serve a model under its name; refuse requests of more texts or bytes."""
        self._name = name
        self._classifier = classifier
        self._most_texts = most_texts
        self._most_bytes = most_bytes
        self._batches = Batches(self._classify, most_texts, BATCHES_WAITING * most_texts)

    def _classify(self, texts: list[str], explain: bool) -> list[ExplainedPrediction]:
        return list(self._classifier.predict(texts, explain))

    @asynccontextmanager
    async def working(self, _: Starlette) -> AsyncIterator[None]:
        """Compute batches as long as the server runs; the first is what TensorFlow takes longest over."""
        await asyncio.to_thread(self._classify, ["warming up"], True)
        worker = asyncio.create_task(self._batches.run())
        yield
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker

    async def _read(self, request: Request, schema: type[AnyRequest]) -> AnyRequest:
        """The body of a request, validated.

        Raises:
            HTTPException: it is compressed, too long, or not what the schema says.
        """
        if (encoding := request.headers.get("Content-Encoding", "identity")) != "identity":
            raise HTTPException(415, f"Content-Encoding: expected a body that is not compressed, found {encoding}")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._most_bytes:
                raise HTTPException(413, f"expected at most {self._most_bytes:,} bytes, found more")
        try:
            return schema.model_validate_json(bytes(body))
        except ValidationError as error:
            raise HTTPException(400, request_problem(error)) from None

    async def _predict(self, texts: list[str], explain: bool) -> list[ExplainedPrediction]:
        if len(texts) > self._most_texts:
            raise HTTPException(413, f"expected at most {self._most_texts:,} texts, found {len(texts):,}")
        try:
            return await self._batches.predict(texts, explain)
        except BusyError:
            raise HTTPException(503, "too many texts are waiting; try again", {"Retry-After": "1"}) from None

    async def predict(self, request: Request) -> Response:
        asked = await self._read(request, PredictRequest)
        return JSONResponse(predict_response(await self._predict(asked.text, asked.explain)))

    async def infer(self, request: Request) -> Response:
        self._check_name(request)
        if BINARY_TENSORS in request.headers:
            raise HTTPException(415, "expected tensors in JSON, found binary ones; ask with binary_data=False")
        asked = await self._read(request, InferRequest)
        predictions = await self._predict(asked.inputs[0].data, explain=False)
        return JSONResponse(infer_response(self._name, asked, predictions))

    def _check_name(self, request: Request) -> None:
        if request.path_params["model"] != self._name:
            raise HTTPException(404, f"expected the model {self._name}, found {request.path_params['model']!r}")
        if (version := request.path_params.get("version", VERSION)) != VERSION:
            raise HTTPException(404, f"expected version {VERSION} of {self._name}, found {version!r}")

    async def model(self, request: Request) -> Response:
        self._check_name(request)
        return JSONResponse(model_metadata(self._name, len(self._classifier.labels)))

    async def model_ready(self, request: Request) -> Response:
        self._check_name(request)
        return JSONResponse({"name": self._name, "ready": True})

    async def server(self, _: Request) -> Response:
        return JSONResponse({"name": "bagpipe", "version": "2", "extensions": []})

    async def health(self, request: Request) -> Response:
        return JSONResponse({request.url.path.rpartition("/")[2]: True})

    async def page(self, _: Request) -> Response:
        page = PAGE.read_text(encoding="utf-8").replace("MODEL", self._name)
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})


async def tell(_: Request, error: Exception) -> Response:
    """What went wrong, as the protocol has it."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    return JSONResponse({"error": "the server failed; its output says why"}, 500)


def application(service: Service) -> Starlette:
    model = "/v2/models/{model}"
    return Starlette(
        routes=[
            Route("/", service.page),
            Route("/predict", service.predict, methods=["POST"]),
            Route("/v2", service.server),
            Route("/v2/health/live", service.health),
            Route("/v2/health/ready", service.health),
            *(
                route
                for path in (model, f"{model}/versions/{{version}}")
                for route in (
                    Route(path, service.model),
                    Route(f"{path}/ready", service.model_ready),
                    Route(f"{path}/infer", service.infer, methods=["POST"]),
                )
            ),
        ],
        exception_handlers={HTTPException: tell, Exception: tell},
        lifespan=service.working,
    )


def refuse_beyond(limit: int, app: ASGIApp, connections: Sized) -> ASGIApp:
    """The same application, that tells whoever comes when more than `limit` are connected to come again."""
    full = JSONResponse(
        {"error": f"expected at most {limit:,} connections, found more; try again"},
        503,
        {"Retry-After": "1", "Connection": "close"},
    )

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        answer = full if scope["type"] == "http" and len(connections) > limit else app
        await answer(scope, receive, send)

    return limited


def listen(host: str, port: int) -> socket.socket:
    """A socket to serve on.

    What it accepts sends at once: head and body of an answer are two writes, and the second would wait until the
    client acknowledges the first, 40 ms.

    Raises:
        UserError: the address is not to be had.
    """
    try:
        version = ipaddress.ip_address(host).version
        opened = socket.create_server((host, port), family=socket.AF_INET6 if version == 6 else socket.AF_INET)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened
    except ValueError:
        raise UserError(f"--host: expected an IP address, as 127.0.0.1; found {host!r}") from None
    except OSError as error:
        raise UserError(f"{host}:{port}: {error.strerror}; name another --port") from None


def serve(name: str, host: str, port: int, most_texts: int, most_bytes: int) -> None:
    """Answer requests until interrupted.

    Raises:
        UserError: the model is not trained, or the address not to be had.
    """
    with listen(host, port) as opened:
        classifier = Classifier(name)
        app = application(Service(name, classifier, most_texts, most_bytes))
        running = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        running.config.app = refuse_beyond(CONNECTIONS, app, running.server_state.connections)
        address = f"[{host}]" if ":" in host else host
        print(f"{name} answers at http://{address}:{opened.getsockname()[1]}/ until Ctrl-C", flush=True)
        with suppress(KeyboardInterrupt):  # which uvicorn passes on once it has answered what it was asked
            running.run(sockets=[opened])

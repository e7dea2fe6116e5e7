"""`bagpipe export` and `serve`: a trained model for others."""

from pathlib import Path

import click

from bagpipe.cli.group import main


@main.command("export")
@click.argument("model")
@click.argument("folder", type=click.Path(path_type=Path))
def export_command(model: str, folder: Path) -> None:
    """Write a trained model as a TensorFlow SavedModel.

    MODEL: one of params.yaml. FOLDER: a new or empty one. Text goes in, labels come out; calling the model takes
    TensorFlow and nothing of this project.
    """
    from bagpipe.serving.export import export

    export(model, folder)


@main.command("serve")
@click.argument("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine; 0.0.0.0 means all.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0 picks a free one.")
@click.option(
    "--max-texts", type=click.IntRange(min=1), default=1_000, show_default=True, help="The most texts in one request."
)
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    default=10_000_000,
    show_default=True,
    help="The most bytes in one request.",
)
def serve_command(model: str, host: str, port: int, max_texts: int, max_bytes: int) -> None:
    """Answer HTTP requests with a trained model, and show a page.

    MODEL: one of params.yaml. The page is for trying it; programs POST /predict {"text": ["..."]}, or the open
    inference protocol at /v2/models/MODEL/infer. There is no password: whoever reaches the address can use
    it.
    """
    from bagpipe.serving.serve import serve

    serve(model, host, port, max_texts, max_bytes)

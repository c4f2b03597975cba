"""For mkdocs: the reports of the gallery, made of their data and the page that the package has."""

import json

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from rnn_jax.report.explorer import page, with_data


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Each `gallery/NAME.json` becomes `gallery/NAME.html`."""
    whole = page()
    kept = [file for file in files if file.src_uri.startswith("gallery/")]
    for file in [file for file in kept if file.src_uri.endswith(".json")]:
        report = with_data(whole, json.loads(file.content_string))
        files.remove(file)
        place = file.src_uri.removesuffix("json") + "html"
        files.append(File.generated(config, place, content=report))
    return files

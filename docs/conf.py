"""The documentation site: `make docs` builds it into site/, with warnings as errors.

The guides are the Markdown files beside this one, which can be read in the repository too. The pages of the API are
made from the docstrings of every public name (site_pages.py). Sphinx, because it imports what it documents: public
names are lazy imports from private modules, which tools that only read the source do not follow. And because it is
maintained: Material for MkDocs ends in 2027.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sphinx.application import Sphinx

import dali_mixup

sys.path.insert(0, str(Path(__file__).parent))

from site_pages import escaped, on_site, write_api

project = "dali-mixup"
author = "the dali-mixup authors"
copyright = f"{author}, Apache-2.0"
version = release = dali_mixup.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["upstream"]
suppress_warnings = ["ref.python"]  # `epoch` is the name of several attributes; annotations link to one
default_role = "code"  # docstrings mark code with single backticks

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3  # links to #sections, as forges make them

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "dali-mixup"
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
toc_object_entries_show_parents = "hide"
# A released version lies beside the others, in a folder named after it: see CONTRIBUTING.md, "A release".
if os.environ.get("DOCS_RELEASED"):
    html_js_files = ["versions.js"]
    html_theme_options = {"announcement": '<span id="versions"></span>'}


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", lambda _: write_api())
    app.connect("source-read", lambda _, page, text: text.insert(0, on_site(page, text.pop())))
    # Before napoleon, which adds markup.
    app.connect("autodoc-process-docstring", lambda *given: escaped(given[-1]), priority=100)

"""The page that shows the API, from files of an installed package; nothing comes from elsewhere."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Supplier matcher API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/assets/favicon.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/init.js"></script>
</body>
</html>
"""
# No script stands in the page itself: its policy allows files only.
_INIT = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
"""


def add_docs(app: FastAPI) -> None:
    """Serve the page at ``/docs``."""

    @app.get("/docs", include_in_schema=False)
    def page() -> Response:
        return HTMLResponse(_PAGE)

    @app.get("/docs/init.js", include_in_schema=False)
    def init() -> Response:
        return Response(_INIT, media_type="text/javascript")

    # Of that package only the files are used: it carries Swagger UI 5, which knows OpenAPI 3.1.
    assets = StaticFiles(directory=str(files("fastapi_offline") / "static"))
    app.mount("/docs/assets", assets, name="docs-assets")

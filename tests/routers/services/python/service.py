"""A service with one of Python's routers: `python service.py ROUTER`. See ../node/service.mjs for TABLES."""

import json
import os
import re
import sys
import threading

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def methods(route):
    return METHODS if route["method"] == "*" else ["GET", "HEAD"] if route["method"] == "GET" else [route["method"]]


def paths(path, variable, rest):
    """The paths of a route in the router's own syntax: a last `*` is the path itself and all below it."""
    own = re.sub(r"\{(\w+)\}", variable, path)
    if not own.endswith("/*"):
        return [own]
    # The rest of a path needs at least one character in Flask and Django.
    return list(dict.fromkeys([own[:-2] or "/", own[:-1], own[:-1] + rest]))


def flask(routes, strict_slashes):
    from flask import Flask, jsonify, request

    app = Flask(__name__)
    app.url_map.strict_slashes = strict_slashes

    def handler(number):
        def answer(**_):
            response = jsonify(handler=number, method=request.method, headers=dict(request.headers))
            response.headers["X-Handler"] = str(number)
            return response

        return answer

    for route in routes:
        for at, path in enumerate(paths(route["path"], r"<\1>", "<path:rest>")):
            name = f"route-{route['id']}-{at}"
            app.add_url_rule(path, name, handler(route["id"]), methods=methods(route), provide_automatic_options=False)
    return app


def django(routes, lenient):
    import types

    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponseNotAllowed, JsonResponse
    from django.urls import path as exact, re_path

    def handler(route):
        def answer(request, **_):
            if request.method not in methods(route):
                return HttpResponseNotAllowed(methods(route))
            body = {"handler": route["id"], "method": request.method, "headers": dict(request.headers)}
            return JsonResponse(body, headers={"X-Handler": str(route["id"])})

        return answer

    # Django does not route by method, so routes of one path share a view.
    views = {}
    for route in routes:
        views.setdefault(route["path"], []).append(route)

    def shared(alike):
        def answer(request, **rest):
            for route in alike:
                if request.method in methods(route):
                    return handler(route)(request, **rest)
            return HttpResponseNotAllowed([])

        return answer

    patterns = []
    for path, alike in views.items():
        if lenient:
            for one in paths(re.escape(path).replace(r"\{", "{").replace(r"\}", "}").replace(r"\*", "*"), r"(?P<\1>[^/]+)", "(?P<rest>.*)"):
                patterns.append(re_path(f"(?i)^{one[1:]}/?$", shared(alike)))
        else:
            for one in paths(path, r"<str:\1>", "<path:rest>"):
                patterns.append(exact(one[1:], shared(alike)))
    urls = types.ModuleType("urls")
    urls.urlpatterns = patterns
    sys.modules["urls"] = urls
    settings.configure(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls", SECRET_KEY="test", MIDDLEWARE=["django.middleware.common.CommonMiddleware"]
    )
    import django as package

    package.setup()
    return WSGIHandler()


def starlette(routes):
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def handler(number):
        async def answer(request):
            body = {"handler": number, "method": request.method, "headers": dict(request.headers)}
            return JSONResponse(body, headers={"X-Handler": str(number)})

        return answer

    table = []
    for route in routes:
        for path in paths(route["path"], r"{\1}", "{rest:path}"):
            table.append(Route(path, handler(route["id"]), methods=methods(route)))
    return Starlette(routes=table)


def fastapi(routes):
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse

    app = FastAPI(openapi_url=None)

    def handler(number):
        async def answer(request: Request):
            body = {"handler": number, "method": request.method, "headers": dict(request.headers)}
            return JSONResponse(body, headers={"X-Handler": str(number)})

        return answer

    for route in routes:
        for path in paths(route["path"], r"{\1}", "{rest:path}"):
            app.add_api_route(path, handler(route["id"]), methods=methods(route))
    return app


ROUTERS = {
    "flask": (lambda routes: flask(routes, True), "wsgi"),
    "flask, lenient": (lambda routes: flask(routes, False), "wsgi"),
    "django": (lambda routes: django(routes, False), "wsgi"),
    "django, lenient": (lambda routes: django(routes, True), "wsgi"),
    "starlette": (starlette, "asgi"),
    "fastapi": (fastapi, "asgi"),
}


def serve(app, kind, port):
    if kind == "wsgi":
        import waitress

        waitress.serve(app, host="127.0.0.1", port=port, threads=4)
    else:
        import uvicorn

        uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


make, kind = ROUTERS[sys.argv[1]]
tables = json.loads(os.environ["TABLES"])
for table in tables[1:]:
    # Some of these store their configuration in the process: one each.
    if os.fork() == 0:
        tables = [table]
        break
serve(make(tables[0]["routes"]), kind, tables[0]["port"])

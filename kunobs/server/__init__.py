"""The one HTTP server of every process: metrics, health, landing page, TLS, basic auth.

Server             http_server  binds and runs; needs the extras that bring uvicorn and bcrypt
a connection       address → acceptor → pool → protocol (uvicorn's, with deadlines)
a request          app (rate limit, auth) → pages, landing, scrape, or a process' own route
a scrape           negotiate → scrape (thread) → render
web_config_file    web_config_reader → web_config, web_config_tls → tls → web_state (reload)
"""

from kunobs.server.http_server import Server

__all__ = ["Server"]

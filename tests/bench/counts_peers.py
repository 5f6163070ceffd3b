"""nginx and HAProxy as small proxies with one worker, that keep connections alive on both sides and
add the same field."""

import shutil

from counts_setup import HEADER_VALUE

NAMES = ("nginx", "haproxy")

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_timeout 600s;
  keepalive_requests 1000000;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "{value}";
    }}
  }}
}}
"""

_HAPROXY = """\
global
  nbthread 1
  maxconn {connections}
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 60s
  timeout http-keep-alive 600s
frontend local
  bind 127.0.0.1:{port}
  default_backend origin
backend origin
  http-request set-header Authorization "{value}"
  server origin 127.0.0.1:{origin}
"""


def command(name, folder, port, origin, connections):
    """Writes the configuration into the folder; returns what to run, which stays in the
    foreground."""
    text = (_NGINX if name == "nginx" else _HAPROXY).format(
        folder=folder, port=port, origin=origin, connections=connections, value=HEADER_VALUE)
    path = folder / f"{name}.conf"
    path.write_text(text)
    program = shutil.which(name)
    if name == "nginx":
        return [program, "-p", str(folder), "-e", "stderr", "-c", str(path)]
    return [program, "-db", "-f", str(path)]

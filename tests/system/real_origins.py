"""Servers of others as origins: nginx, and HAProxy before nginx. Each request that one of them took
is a line of its log, with the body as it understood it."""

import json
import os
import socket

from held_port import HeldPort
from support import Process, eventually

# The outer server reads whole bodies before it passes them on, which makes $request_body known; the
# inner one tells which request it answers.
NGINX = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error;
events {{ worker_connections 512; }}
http {{
  log_format whole escape=json '{{"status":"$status","method":"$request_method",'
    '"target":"$request_uri","body":"$request_body","key":"$http_x_api_key"}}';
  access_log off;
  keepalive_requests 1000000;
  keepalive_timeout 1h;
  large_client_header_buffers 4 64k;
  client_max_body_size 0;
  client_body_buffer_size 128k;
  client_body_temp_path {folder}/temp;
  proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/temp;
  uwsgi_temp_path {folder}/temp;
  scgi_temp_path {folder}/temp;
  proxy_buffer_size 128k;
  proxy_buffers 4 128k;
  server {{
    listen 127.0.0.1:{port};
    access_log {folder}/nginx.access whole;
    location / {{
      proxy_pass http://unix:{folder}/inner.sock;
      proxy_set_header X-Target $request_uri;
      proxy_pass_request_headers off;
    }}
  }}
  server {{
    listen unix:{folder}/inner.sock;
    large_client_header_buffers 4 64k;
    location / {{ return 200 $http_x_target; }}
  }}
}}
"""

HAPROXY = """
global
  log stdout format raw local0
  maxconn 512
  tune.bufsize 131072
  tune.http.maxhdr 256
defaults
  mode http
  log global
  option dontlognull
  log-format "%ST %{{+Q}}r"
  timeout client 1h
  timeout server 1h
  timeout connect 10s
frontend front
  bind 127.0.0.1:{port}
  default_backend nginx
backend nginx
  server nginx 127.0.0.1:{nginx}
"""


class Server(Process):
    """A program that listens on the port it is told."""

    def start(self, arguments_for):
        def is_up():
            if not self.is_running:
                raise AssertionError(f"{self.name} ended early:\n{self.output()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                return False
            return True

        self._held = HeldPort("127.0.0.1")
        self.port = self._held.port
        self.spawn(arguments_for(self.port))
        return eventually(is_up)


class Nginx(Server):
    """An origin that answers every request with its target."""

    def __init__(self, directory):
        super().__init__(directory, "nginx")
        self.access_log = self.directory / "nginx.access"
        self._read = 0
        configuration = self.directory / "nginx.conf"
        # Started by root, its worker would be somebody who may not enter the folder.
        user = "user root;" if os.geteuid() == 0 else ""

        def arguments_for(port):
            configuration.write_text(NGINX.format(
                folder=self.directory, port=port, user=user))
            return ["nginx", "-p", self.directory, "-e", self.directory / "nginx.error",
                    "-c", configuration]

        self.start(arguments_for)
        self.take()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def take(self):
        """The requests that were logged since the last call, as dicts."""
        if not self.access_log.exists():
            return []
        with open(self.access_log, "rb") as file:
            file.seek(self._read)
            lines = file.read()
        lines = lines[:lines.rfind(b"\n") + 1]
        self._read += len(lines)
        return [json.loads(line.decode("latin-1")) for line in lines.splitlines()]


class HaproxyBeforeNginx(Server):
    """HAProxy, and an Nginx (`nginx`) as its only server."""

    def __init__(self, directory, nginx):
        super().__init__(directory, "haproxy")
        self.nginx = nginx
        configuration = self.directory / "haproxy.cfg"
        self.expected_exit = None  # the signal, or 143

        def arguments_for(port):
            configuration.write_text(HAPROXY.format(port=port, nginx=nginx.port))
            return ["haproxy", "-db", "-f", configuration]

        self.start(arguments_for)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def take(self):
        return self.nginx.take()

    def log(self):
        """One line for each request: the status of the answer and the request line in quotes."""
        lines = self.stdout_path.read_text(errors="replace").splitlines()
        return [line for line in lines if line[:3].isdigit()]

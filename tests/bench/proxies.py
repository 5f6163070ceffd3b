"""The proxies that are compared, each with one worker, and the same field set by each. Limits are
out of the way in all of them; "default" leaves all else as it comes, "tuned" is what a careful
operator would set."""

import re

from origin import FIELD, VALUE
from processes import Program, accepts, free_ports

LISTENERS = ("plain", "tls", "tls-upstream")

NGINX = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/{name}.pid;
error_log {folder}/{name}.error.log;
events {{ worker_connections {events}; {tuned_events} }}
http {{
  access_log {access_log};
  sendfile on;
  tcp_nopush on;
  ssl_certificate {certificate};
  ssl_certificate_key {key};
  ssl_protocols TLSv1.3;
  ssl_conf_command Ciphersuites {cipher};
  proxy_ssl_protocols TLSv1.3;
  proxy_ssl_trusted_certificate {authority};
  proxy_ssl_verify on;
  proxy_ssl_name localhost;
  client_body_temp_path {folder}/temp;
  proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/temp;
  uwsgi_temp_path {folder}/temp;
  scgi_temp_path {folder}/temp;
  proxy_set_header {field} "{value}";
  {tuned}
  upstream plain {{ server 127.0.0.1:{origin}; {tuned_upstream} }}
  upstream tls {{ server 127.0.0.1:{origin_tls}; {tuned_upstream} }}
  server {{
    listen 127.0.0.1:{plain} backlog=4096;
    listen 127.0.0.1:{tls} ssl backlog=4096;
    location / {{ proxy_pass http://plain; }}
  }}
  server {{
    listen 127.0.0.1:{tls_upstream} backlog=4096;
    location / {{ proxy_pass https://tls; }}
  }}
}}
"""
NGINX_TUNED = """
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_buffer_size 16k;
  proxy_buffers 8 64k;
  proxy_busy_buffers_size 128k;
  proxy_max_temp_file_size 0;
  proxy_request_buffering off;
  client_body_buffer_size 64k;
"""
NGINX_TUNED_UPSTREAM = "keepalive {connections}; keepalive_requests 1000000000;"

HAPROXY = """
global
  nbthread 1
  maxconn {connections}
  {tuned_global}
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  {tuned}
frontend plain
  bind 127.0.0.1:{plain}
  bind 127.0.0.1:{tls} ssl crt {folder}/server.pem ssl-min-ver TLSv1.3 ciphersuites {cipher}
  http-request set-header {field} "{value}"
  default_backend plain
frontend tls-upstream
  bind 127.0.0.1:{tls_upstream}
  http-request set-header {field} "{value}"
  default_backend tls
backend plain
  server origin 127.0.0.1:{origin}
backend tls
  server origin 127.0.0.1:{origin_tls} ssl verify required ca-file {authority} \
sni str(localhost) ssl-min-ver TLSv1.3
"""
# Measured and left out, since they cost more here: splice-auto, http-no-delay.
HAPROXY_TUNED_GLOBAL = """
  tune.bufsize 131072
  tune.maxpollevents 500
"""
HAPROXY_TUNED = """
  http-reuse always
"""

VSAPROXY = """
version: 1
workers: 1
state_dir: {folder}/{name}.state
runtime_dir: {folder}/{name}.run
listeners:
  - {{name: plain, address: "127.0.0.1:0"}}
  - name: tls
    address: 127.0.0.1:0
    tls: {{certificate: {{file: server.crt}}, key: {{file: server.key}}}}
  - {{name: tls-upstream, address: "127.0.0.1:0"}}
credentials:
  fixed: {{type: header, name: {field}, value: {{file: field-value}}}}
upstreams:
  plain:
    url: http://127.0.0.1:{origin}
    auth: fixed
    pool: {{max_connections: {connections}}}
  tls:
    url: https://localhost:{origin_tls}
    connect: 127.0.0.1:{origin_tls}
    auth: fixed
    tls: {{ca: {{file: ca.crt}}, only_ca: true}}
routes:
  - {{match: {{listener: plain}}, upstream: plain}}
  - {{match: {{listener: tls}}, upstream: plain}}
  - {{match: {{listener: tls-upstream}}, upstream: tls}}
limits: {{connections: {connections}}}
admin: off
log: {{{log}}}
"""


class Proxy:
    """A running proxy: its program, and its ports by the names in LISTENERS."""

    brings_the_field = True  # the floor does not: the client has to

    def __init__(self, name, place, origin, paths):
        self.name, self.place, self.paths = name, place, paths
        self.values = {
            "name": name, "folder": place.folder, "user": place.nginx_user, "files": place.files,
            "events": place.files - 100, "connections": place.connections,
            "certificate": place.certificate, "key": place.key, "authority": place.authority,
            "cipher": place.cipher, "field": FIELD, "value": VALUE, "origin": origin.plain,
            "origin_tls": origin.tls}
        self.ports, self.program = {}, None

    def choose_ports(self):
        self.ports = dict(zip(LISTENERS, free_ports(len(LISTENERS))))
        self.values.update({name.replace("-", "_"): port for name, port in self.ports.items()})

    def write(self, template, **values):
        path = self.place.folder / f"{self.name}.conf"
        path.write_text(template.format(**{**self.values, **values}))
        return path

    def run(self, *arguments):
        self.program = Program(self.name, arguments, self.place.proxy_cpus,
                               self.place.folder / f"{self.name}.log")

    def run_until_listening(self, *arguments):
        self.run(*arguments)
        self.program.wait_until(lambda: all(map(accepts, self.ports.values())))

    def stop(self):
        if self.program:
            self.program.stop()


class Nginx(Proxy):
    def start(self):
        self.choose_ports()
        tuned = self.name != "nginx-default"
        upstream = NGINX_TUNED_UPSTREAM.format(**self.values)
        log = self.place.folder / f"{self.name}.access.log"
        path = self.write(NGINX, tuned=NGINX_TUNED if tuned else "",
                          tuned_events="multi_accept on;" if tuned else "",
                          tuned_upstream=upstream if tuned else "",
                          access_log=f"{log} combined" if self.name == "nginx-log" else "off")
        self.run_until_listening("nginx", "-p", self.place.folder, "-c", path)


class Haproxy(Proxy):
    def start(self):
        self.choose_ports()
        tuned = self.name == "haproxy-tuned"
        path = self.write(HAPROXY, tuned=HAPROXY_TUNED if tuned else "",
                          tuned_global=HAPROXY_TUNED_GLOBAL if tuned else "")
        self.run_until_listening("haproxy", "-db", "-f", path)


class Floor(Proxy):
    brings_the_field = False

    def start(self):
        self.run(self.paths["floor"], self.values["origin"])
        self.ports = {"plain": int(self.program.wait_until(self.announced)[0])}

    def announced(self):
        return re.findall(r"^listening on 127\.0\.0\.1:(\d+)$", self.program.log.read_text(), re.M)


class Vsaproxy(Proxy):
    def start(self):
        secret = self.place.folder / "field-value"
        secret.touch(0o600)
        secret.write_text(VALUE + "\n")
        log = self.place.folder / f"{self.name}.access.log"
        logging = f"output: {{file: {log}}}" if self.name == "vsaproxy-log" else "access: off"
        path = self.write(VSAPROXY, log=logging)
        program = self.paths["beside" if self.name == "beside" else "vsaproxy"]
        self.run(program, "run", "-c", path)
        self.ports = self.program.wait_until(self.announced)

    def announced(self):
        found = dict((name, int(port)) for port, name in re.findall(
            r"^listening on 127\.0\.0\.1:(\d+) \(([\w-]+)\)$", self.program.log.read_text(), re.M))
        return found if set(found) == set(LISTENERS) else None


KINDS = {"nginx-default": Nginx, "nginx-tuned": Nginx, "nginx-log": Nginx,
         "haproxy-default": Haproxy, "haproxy-tuned": Haproxy, "floor": Floor,
         "vsaproxy": Vsaproxy, "vsaproxy-log": Vsaproxy, "beside": Vsaproxy}


def make(name, place, origin, paths):
    """A proxy of that name, not started. `paths` has programs of ours: floor, vsaproxy, beside."""
    (place.folder / "temp").mkdir(exist_ok=True)
    return KINDS[name](name, place, origin, paths)

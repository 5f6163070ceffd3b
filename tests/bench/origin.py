"""The origin behind the proxies: nginx with one worker. It answers 401 to a request that does not
bring the field which the proxies have to set, so every right answer shows that they did."""

import hashlib
import random

from cases import FILE_SIZES
from processes import Program, accepts, free_ports

FIELD = "Authorization"
VALUE = "Bearer example-of-a-token-for-the-benchmark"
SMALL = ('{"TotalRecords":1,"Result":[{"AgentId":"1000001","ComputerName":"example-host-01",'
         '"Online":true,"OSType":"Linux","IpAddress":"192.0.2.17","Group":"example.root",'
         '"Note":"0123456789012345678901234"}]}')

# "mirror" makes nginx read the whole body of a POST before it answers: without it the answer would
# come first, and clients rightly close after that.
CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/origin.pid;
error_log {folder}/origin.error.log;
events {{ worker_connections {connections}; multi_accept on; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=100;
  open_file_cache_valid 1h;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_buffer_size 128k;
  client_body_temp_path {folder}/temp;
  proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/temp;
  uwsgi_temp_path {folder}/temp;
  scgi_temp_path {folder}/temp;
  server {{
    listen 127.0.0.1:{plain} backlog=4096;
    listen 127.0.0.1:{tls} ssl backlog=4096;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites {cipher};
    if ($http_authorization != "{value}") {{ return 401; }}
    default_type application/json;
    location = /small {{ return 200 '{small}'; }}
    location = /tls {{ return 200 '$ssl_protocol $ssl_cipher'; }}
    location = /post {{
      mirror /discarded;
      log_not_found off;
      error_page 404 =200 /small;
    }}
    location = /discarded {{ internal; return 204; }}
    location /files/ {{ root {folder}; default_type application/octet-stream; }}
  }}
}}
"""


class Origin:
    def __init__(self, place):
        self.place = place
        self.plain, self.tls = free_ports(2)
        self.digests = {"/small": digest(SMALL.encode())}
        self.digests["/post"] = self.digests["/small"]
        self.program = None

    def start(self):
        folder = self.place.folder
        (folder / "files").mkdir()
        for size in FILE_SIZES:
            content = random.Random(size).randbytes(size)
            (folder / "files" / str(size)).write_bytes(content)
            self.digests[f"/files/{size}"] = digest(content)
        configuration = folder / "origin.conf"
        configuration.write_text(CONFIGURATION.format(
            user=self.place.nginx_user, files=self.place.files, connections=self.place.files - 100,
            folder=folder, plain=self.plain, tls=self.tls, certificate=self.place.certificate,
            key=self.place.key, cipher=self.place.cipher, value=VALUE, small=SMALL))
        self.program = Program("The origin", ["nginx", "-p", folder, "-c", configuration],
                               self.place.other_cpus, folder / "origin.log")
        self.program.wait_until(lambda: accepts(self.plain))

    def stop(self):
        if self.program:
            self.program.stop()


def digest(content):
    return hashlib.sha256(content).hexdigest()

#pragma once
// Messages as they meet the proxy, for all micro benchmarks.

#include <string_view>

namespace vsaproxy::bench {

constexpr std::string_view curl_get =
    "GET /api/v1.0/assetmgmt/agents?$top=10 HTTP/1.1\r\n"
    "Host: 127.0.0.1:3128\r\n"
    "User-Agent: curl/7.88.1\r\n"
    "Accept: */*\r\n"
    "\r\n";

// Twelve fields.
constexpr std::string_view browser_get =
    "GET /api/v1.0/assetmgmt/agents?$top=100&$skip=200&$orderby=AgentName HTTP/1.1\r\n"
    "Host: vsa.example.com\r\n"
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 "
    "Firefox/128.0\r\n"
    "Accept: application/json,text/html;q=0.9,application/xml;q=0.8,*/*;q=0.5\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: theme=dark; language=en; layout=wide; last_visited=assetmgmt\r\n"
    "Cache-Control: no-cache\r\n"
    "Pragma: no-cache\r\n"
    "DNT: 1\r\n"
    "Priority: u=0, i\r\n"
    "X-Requested-With: XMLHttpRequest\r\n"
    "\r\n";

// The head of a JSON answer of VSA 9, which runs on IIS.
constexpr std::string_view vsa_answer_head =
    "HTTP/1.1 200 OK\r\n"
    "Cache-Control: no-cache\r\n"
    "Pragma: no-cache\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Expires: -1\r\n"
    "Server: Microsoft-IIS/10.0\r\n"
    "X-AspNet-Version: 4.0.30319\r\n"
    "X-Powered-By: ASP.NET\r\n"
    "Strict-Transport-Security: max-age=31536000\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Date: Tue, 03 Jun 2025 08:49:37 GMT\r\n"
    "Content-Length: 1893\r\n"
    "\r\n";

}  // namespace vsaproxy::bench

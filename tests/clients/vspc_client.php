<?php
// A program for Veeam Service Provider Console on PHP's curl that knows nothing of a proxy: logs in,
// pages through the companies, renews its session, adds a company, logs out.
//
//     php vspc_client.php BASE_URL USER PASSWORD
//
// Prints one line NAME=VALUE for each thing it got; ends with 1 and the reason if the server says no.

function fail(string $text): never
{
    fwrite(STDERR, "$text\n");
    exit(1);
}

function send(string $method, string $url, ?string $body, array $fields): array
{
    $location = '';
    $handle = curl_init($url);
    curl_setopt_array($handle, [
        CURLOPT_CUSTOMREQUEST => $method, CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 20,
        CURLOPT_HTTPHEADER => $fields,
        CURLOPT_HEADERFUNCTION => function ($handle, string $line) use (&$location): int {
            if (stripos($line, 'Location:') === 0) {
                $location = trim(substr($line, 9));
            }
            return strlen($line);
        },
    ]);
    if ($body !== null) {
        curl_setopt($handle, CURLOPT_POSTFIELDS, $body);
    }
    $text = curl_exec($handle);
    if ($text === false) {
        fail(curl_error($handle));
    }
    $status = curl_getinfo($handle, CURLINFO_RESPONSE_CODE);
    if ($status >= 400) {
        fail("$method " . parse_url($url, PHP_URL_PATH) . ": HTTP $status $text");
    }
    return [json_decode($text), $location];
}

function log_in(string $base, array $fields): object
{
    return send('POST', "$base/api/v3/token", http_build_query($fields),
        ['Content-Type: application/x-www-form-urlencoded'])[0];
}

[, $base, $user, $password] = $argv;
$tokens = log_in($base, ['grant_type' => 'password', 'username' => $user, 'password' => $password]);
echo "session={$tokens->access_token}\n";
$call = function (string $method, string $url, ?string $body = null) use (&$tokens): array {
    return send($method, $url, $body,
        ["Authorization: Bearer {$tokens->access_token}", 'Content-Type: application/json']);
};
$me = $call('GET', "$base/api/v3/users/me")[0]->data->instanceUid;
$found = [];
do {
    $page = $call('GET', "$base/api/v3/organizations/companies?limit=50&offset=" . count($found))[0];
    foreach ($page->data as $company) {
        $found[$company->instanceUid] = true;
    }
} while (count($found) < $page->meta->pagingInfo->total);
echo 'companies=', count($found), "\n";
$tokens = log_in($base, ['grant_type' => 'refresh_token', 'refresh_token' => $tokens->refresh_token]);
echo "renewed={$tokens->access_token}\n";
[, $location] = $call('POST', "$base/api/v3/organizations/companies", '{"name":"New"}');
echo "action=$location\n";
echo 'status=', $call('GET', $location)[0]->data->status, "\n";
$call('DELETE', "$base/api/v3/users/$me/tokens");
echo "logout=done\n";

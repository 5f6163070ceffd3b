<?php
// A program for the REST API of VSA 9 on PHP's curl that knows nothing of a proxy: logs in, pages
// through the agents, writes once, logs out.
//
//     php vsa9_client.php BASE_URL USER SECRET swagger|token [AUTH_PATH]
//
// Logs in with a password as the page of the server itself does, or with an access token. Prints one
// line NAME=VALUE for each thing it got; ends with 1 and the reason if the server says no.

function fail(string $text): never
{
    fwrite(STDERR, "$text\n");
    exit(1);
}

function login_text(string $user, string $secret, string $form): string
{
    if ($form === 'token') {
        return "$user:$secret";
    }
    $random = (string) random_int(0, 999999);
    $covered256 = hash('sha256', hash('sha256', $secret . $user) . $random);
    $covered1 = hash('sha1', hash('sha1', $secret . $user) . $random);
    return "user=$user,pass2=$covered256,pass1=$covered1,rand2=$random,rpass2=$covered256,"
        . "rpass1=$covered1,twofapass=:undefined";
}

function call(string $method, string $url, string $authorization, ?string $body = null): object
{
    $handle = curl_init($url);
    curl_setopt_array($handle, [
        CURLOPT_CUSTOMREQUEST => $method, CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 20,
        CURLOPT_HTTPHEADER => ["Authorization: $authorization", 'Content-Type: application/json'],
    ]);
    if ($body !== null) {
        curl_setopt($handle, CURLOPT_POSTFIELDS, $body);
    }
    $text = curl_exec($handle);
    if ($text === false) {
        fail(curl_error($handle));
    }
    $status = curl_getinfo($handle, CURLINFO_RESPONSE_CODE);
    $envelope = json_decode($text);
    if ($status >= 400 || ($envelope->ResponseCode ?? -1) !== 0) {
        fail("$method: HTTP $status $text");
    }
    return $envelope;
}

[, $base, $user, $secret, $form] = $argv;
$result = call('GET', $base . ($argv[5] ?? '/api/v1.0/auth'),
    'Basic ' . base64_encode(login_text($user, $secret, $form)))->Result;
echo "session={$result->ApiToken}\n";
$session = "Bearer {$result->ApiToken}";
$found = [];
do {
    $query = http_build_query(['$skip' => count($found), '$top' => 50]);
    $page = call('GET', "$base/api/v1.0/assetmgmt/agents?$query", $session);
    foreach ($page->Result as $agent) {
        $found[$agent->AgentId] = true;
    }
} while (count($found) < $page->TotalRecords);
echo 'agents=', count($found), "\n";
$written = call('POST', "$base/api/v1.0/sink", $session, '{"note":"checked"}')->Result->bytes;
echo "written=$written\n";
call('DELETE', "$base/api/v1.0/system/users/session", $session);
echo "logout=done\n";

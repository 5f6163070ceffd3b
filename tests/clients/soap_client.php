<?php
// A program on PHP's SoapClient that knows nothing of a proxy: logs in and lists machines.
//
//     php soap_client.php BASE_URL USER PASSWORD wsdl|plain 1.1|1.2
//
// With `wsdl` it is led by the WSDL, with `plain` it knows the calls. Prints one line NAME=VALUE for
// each thing it got; ends with 1 and the reason if the server says no.

const SPACE = 'KaseyaWS';

function covered(string $password, string $user, string $random): string
{
    return hash('sha256', hash('sha256', $password . $user) . $random);
}

function login_fields(string $user, string $password): array
{
    return [
        'UserName' => $user, 'CoveredPassword' => covered($password, $user, '12345678'),
        'RandomNumber' => '12345678', 'BrowserIP' => '127.0.0.1', 'HashingAlgorithm' => 'SHA-256',
    ];
}

function checked(object $result): object
{
    if (($result->ErrorMessage ?? '') !== '') {
        fwrite(STDERR, "{$result->Method}: {$result->ErrorMessage}\n");
        exit(1);
    }
    return $result;
}

// Each way of calling is a function (operation, fields) -> result.
function by_wsdl(string $base, int $version): callable
{
    $client = new SoapClient("$base/vsaWS/KaseyaWS.asmx?WSDL", [
        'soap_version' => $version, 'cache_wsdl' => WSDL_CACHE_NONE,
    ]);
    return function (string $operation, array $fields) use ($client): object {
        return $client->__soapCall($operation, [['req' => $fields]])->{$operation . 'Result'};
    };
}

function plain(string $base, int $version): callable
{
    $client = new SoapClient(null, [
        'location' => "$base/vsaWS/kaseyaWS.asmx", 'uri' => SPACE, 'soap_version' => $version,
        'style' => SOAP_RPC, 'use' => SOAP_LITERAL,
    ]);
    return function (string $operation, array $fields) use ($client): object {
        $members = [];
        foreach ($fields as $name => $value) {
            $members[] = new SoapVar($value, XSD_STRING, null, null, $name, SPACE);
        }
        $req = new SoapVar($members, SOAP_ENC_OBJECT, null, null, 'req', SPACE);
        return $client->__soapCall($operation, [$req], ['soapaction' => SPACE . "/$operation"]);
    };
}

function as_xml(string $operation, array $fields): string
{
    $inner = '';
    foreach ($fields as $name => $value) {
        $inner .= "<$name>" . htmlspecialchars($value, ENT_XML1) . "</$name>";
    }
    return "<$operation xmlns=\"" . SPACE . "\"><req>$inner</req></$operation>";
}

function list_by_primitive(string $base, int $version, string $session): void
{
    $client = new SoapClient("$base/vsaWS/KaseyaWS.asmx?wsdl", [
        'soap_version' => $version, 'cache_wsdl' => WSDL_CACHE_NONE,
    ]);
    $xml = as_xml('GetMachineList', ['MachineGroup' => 'root.acme', 'SessionID' => $session]);
    $inner = $client->PrimitiveGetMachineList(['XmlRequest' => $xml])->PrimitiveGetMachineListResult;
    echo 'primitive=', substr_count($inner, '<Machine>'), "\n";
    $handle = curl_init("$base/vsaWS/KaseyaWS.asmx/PrimitiveGetMachineList?"
        . http_build_query(['XmlRequest' => $xml]));
    curl_setopt_array($handle, [CURLOPT_RETURNTRANSFER => true, CURLOPT_FAILONERROR => true,
        CURLOPT_TIMEOUT => 20]);
    $inner = html_entity_decode(strip_tags((string) curl_exec($handle)));
    echo 'primitive_get=', substr_count($inner, '<Machine>'), "\n";
}

[, $base, $user, $password, $mode, $version_name] = $argv;
$version = $version_name === '1.2' ? SOAP_1_2 : SOAP_1_1;
$call = $mode === 'wsdl' ? by_wsdl($base, $version) : plain($base, $version);
try {
    $session = checked($call('Authenticate', login_fields($user, $password)))->SessionID;
    echo "session=$session\n";
    $list = checked($call('GetMachineList', ['MachineGroup' => 'root.acme', 'SessionID' => $session]));
    $machines = $list->Machines->Machine;
    echo 'machines=', count($machines), "\nagent=", end($machines)->agentGuid, "\n";
    $echo = checked($call('EchoMt', ['Payload' => 'a<b&ü', 'SessionID' => $session]));
    echo "echo={$echo->Payload}\n";
    checked($call('AddScope', ['ScopeName' => 'php', 'SessionID' => $session]));
    $scopes = checked($call('GetScopes', ['SessionID' => $session]))->Scopes->Scope;
    echo 'scopes=', implode(',', array_map(fn ($scope) => $scope->ScopeID, $scopes)), "\n";
    list_by_primitive($base, $version, (string) $session);
} catch (SoapFault $fault) {
    fwrite(STDERR, "SoapFault: {$fault->getMessage()}\n");
    exit(1);
}

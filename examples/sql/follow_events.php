<?php
// Prints every event once, as a line of JSON. Started again, it continues after the last event that it has printed.
//
//   EQP_DSN='pgsql:host=db.example.com;dbname=eqp' EQP_USER=shop EQP_PASSWORD=... php follow_events.php CURSOR_FILE [--once]
//
// With --once, for example in a cron job, it ends when there are no more events.

declare(strict_types=1);

const BATCH = 100;
/** A connection pooler may not pass notifications on, so events are also looked for after this time. */
const POLL_MILLISECONDS = 10_000;

/** @return list<array<string, mixed>> */
function eventsAfter(PDO $database, int $cursor): array
{
    $query = $database->prepare(
        'select seq, environment, mage_id, kind, resource_id, item_id, flow, status, modified_at, received_at, origin,
                disposition, applied
         from eqp.v_event
         where seq > :cursor
         order by seq
         limit ' . BATCH
    );
    $query->execute(['cursor' => $cursor]);

    return $query->fetchAll(PDO::FETCH_ASSOC);
}

[$file, $isOnce] = [$argv[1] ?? exit("usage: php follow_events.php CURSOR_FILE [--once]\n"), in_array('--once', $argv, true)];
$database = new PDO(getenv('EQP_DSN'), getenv('EQP_USER') ?: null, getenv('EQP_PASSWORD') ?: null, [
    PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
]);
// Before the first query, so that no event is recorded unnoticed between the two.
$database->exec('listen eqp_events');
$cursor = is_file($file) ? (int) file_get_contents($file) : 0;
while (true) {
    while ($events = eventsAfter($database, $cursor)) {
        foreach ($events as $event) {
            echo json_encode($event, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES), "\n";
        }
        // After the events were processed: if the program ends before, they are processed again.
        $cursor = (int) end($events)['seq'];
        file_put_contents("$file.new", (string) $cursor);
        rename("$file.new", $file);
    }
    if ($isOnce) {
        break;
    }
    $database->pgsqlGetNotify(PDO::FETCH_ASSOC, POLL_MILLISECONDS);
}

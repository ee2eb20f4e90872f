"""Prints every event once, as a line of JSON. Started again, it continues after the last event that it has printed.

    EQP_DSN='host=db.example.com dbname=eqp user=shop' python3 follow_events.py CURSOR_FILE [--once]

Requires psycopg2. With --once, for example in a cron job, it ends when there are no more events.
"""

import json
import os
import pathlib
import select
import sys

import psycopg2
import psycopg2.extras

EVENTS = """
    select seq, environment, mage_id, kind, resource_id, item_id, flow, status, modified_at, received_at, origin,
           disposition, applied
    from eqp.v_event
    where seq > %s
    order by seq
    limit 100
"""
# A connection pooler may not pass notifications on, so events are also looked for after this time.
POLL_SECONDS = 10


def main(file, is_once):
    database = psycopg2.connect(os.environ["EQP_DSN"])
    database.autocommit = True
    cursor = int(file.read_text()) if file.exists() else 0
    with database.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as query:
        # Before the first query, so that no event is recorded unnoticed between the two.
        query.execute("listen eqp_events")
        while True:
            query.execute(EVENTS, (cursor,))
            events = query.fetchall()
            for event in events:
                print(json.dumps(event, default=str), flush=True)
            if events:
                # After the events were processed: if the program ends before, they are processed again.
                cursor = events[-1]["seq"]
                new = file.with_suffix(".new")
                new.write_text(str(cursor))
                new.replace(file)
            elif is_once:
                return
            else:
                select.select([database], [], [], POLL_SECONDS)
                database.poll()
                database.notifies.clear()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), "--once" in sys.argv)

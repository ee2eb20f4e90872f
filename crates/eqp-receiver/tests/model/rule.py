#!/usr/bin/env python3
"""An independent model of the rule that turns callbacks into events.

The rule below was written from the text of the design (the table of the rule, the glossary and the order of statuses)
before the projector's source was read, so that a misreading in either of them shows up as a difference. Only the
reading of flows that are not documented, or not sent, was added later. Standard library only.

Reads one callback per line from standard input:

    {"account": "...", "received_at": "YYYY-MM-DD HH:MM:SS", "body": "the body as text"}

and prints one line per callback, in the same order, then one line per resource and one per track:

    {"callback": N, "kind": "report", "decisions": [{"flow", "disposition", "status", "time", "clock_doubtful"}, ...]}
    {"resource": [account, kind, id], "item_id": "..."}
    {"track": [account, kind, id, flow], "status": "...", "status_since": "...", "seen_until": "...", "ambiguous": false}

`kind` is one of report, repeated (row 0), unrecognized, undecodable. `disposition` is one of duplicate, applied, reentered, late, ambiguous_applied, ambiguous_kept. A duplicate has no event; each of
the others is one event.
"""

import json
import re
import sys
from datetime import datetime, timedelta, timezone

MAX_CLOCK_AHEAD = timedelta(hours=48)

# The order of the values is the order "further along".
RANKED = {
    "overall": [
        "draft", "in_progress", "approved", "released_to_store", "developer_removed_from_store",
        "admin_removed_from_store", "canceled_by_developer", "canceled_by_admin",
    ],
    "technical": [
        "draft", "in_automation", "awaiting_manual_qa", "in_manual_qa", "approved", "rejected", "recalled",
    ],
    "marketing": [
        "draft", "awaiting_marketing_review", "in_marketing_review", "approved",
        "approved_with_modifications_pending", "rejected", "recalled",
    ],
    "malware": ["queued", "in-progress", "passed", "failed"],
}
SPELLINGS = {"pass": "passed", "fail": "failed"}
FLOWS = ("overall", "technical", "marketing")


# --- reading a body ---------------------------------------------------------------------------------------------

class Number(str):
    """A JSON number, as the digits that were sent."""


def text(value):
    """A word: text that is not blank, or nothing."""
    if isinstance(value, str) and not isinstance(value, Number) and value.strip():
        return value
    return None


def identifier(value):
    """An ID: text that is not blank, or the digits of a number."""
    if isinstance(value, str) and value.strip():
        return str(value)
    return None


def canonical(flow, value):
    """The one spelling of a documented status; any other status is compared as it was sent."""
    word = text(value)
    if word is None:
        return None
    plain = word.strip().lower()
    plain = SPELLINGS.get(plain, plain) if flow == "malware" else plain
    return plain if plain in RANKED.get(flow, []) else word


def rank(flow, status):
    return RANKED[flow].index(status) if status in RANKED.get(flow, []) else None


STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[ T] ?(\d{1,2}):(\d\d):(\d\d)(?:\.\d+)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


def instant(value):
    """A time in whole seconds, or nothing where it cannot be read."""
    if isinstance(value, Number):
        value = str(value)
    if not isinstance(value, str):
        return None
    value = value.strip()
    if re.fullmatch(r"\d{9,11}", value):
        return datetime.fromtimestamp(int(value), timezone.utc)
    found = STAMP.fullmatch(value)
    if not found:
        return None
    *parts, zone = found.groups()
    try:
        moment = datetime(*map(int, parts), tzinfo=timezone.utc)
        if zone and zone[0] in "+-":
            ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            moment = moment - ahead if zone[0] == "+" else moment + ahead
        return moment
    except (ValueError, OverflowError):
        return None


class Report:
    def __init__(self, resource, item_id, reported, statuses, explicit):
        self.resource = resource
        self.item_id = item_id
        self.reported = reported
        self.statuses = statuses  # flow -> canonical status
        self.explicit = explicit  # a flow, or nothing


def read(body):
    """A status report, or the reason why there is none."""
    try:
        value = json.loads(body, parse_int=Number, parse_float=Number)
    except ValueError:
        return "undecodable"
    if not isinstance(value, dict) or text(value.get("callback_event")) is None:
        return "undecodable"
    event = value["callback_event"].strip().lower()
    if event not in ("malware_scan_complete", "eqp_status_update"):
        return "unrecognized"
    info = value.get("update_info")
    if not isinstance(info, dict):
        return "undecodable"
    if event == "malware_scan_complete":
        resource, item_id, explicit = identifier(info.get("file_upload_id")), None, "malware"
        statuses = {"malware": canonical("malware", info.get("tool_result"))}
    else:
        resource, item_id = identifier(info.get("submission_id")), identifier(info.get("item_id"))
        told = info.get("eqp_status")
        told = told if isinstance(told, dict) else {}
        statuses = {flow: canonical(flow, told.get(flow)) for flow in FLOWS}
        current = text(info.get("current_status")) or text(info.get("eqp_state"))
        explicit = text(info.get("eqp_flow"))
        if explicit and explicit.strip().lower() in FLOWS:
            explicit = explicit.strip().lower()
        if explicit is None and current is not None and not any(statuses.values()):
            explicit = "unspecified"
        if current is None:
            explicit = None
        if explicit:
            statuses[explicit] = canonical(explicit, current)
    statuses = {flow: status for flow, status in statuses.items() if status is not None}
    if resource is None or not statuses:
        return "undecodable"
    return Report(resource, item_id, instant(info.get("modified_at")), statuses, explicit)


# --- the rule ---------------------------------------------------------------------------------------------------

class Track:
    def __init__(self):
        self.now = None
        self.since = None
        self.seen_until = None
        self.ambiguous = False
        self.events = []  # in the order of arrival: (trusted time or None, status)

    def timed(self):
        """The timed events by time; among equal times in the order of arrival (sorting is stable)."""
        return sorted((event for event in self.events if event[0] is not None), key=lambda event: event[0])

    def last_up_to(self, time):
        found = [status for at, status in self.timed() if at <= time]
        return found[-1] if found else None

    def last_before(self, time):
        found = [status for at, status in self.timed() if at < time]
        return found[-1] if found else None

    def first_after(self, time):
        found = [status for at, status in self.timed() if at > time]
        return found[0] if found else None

    def apply(self, time, status):
        self.now, self.since = status, time

    def fold(self, flow, status, time, explicit, others_changed):
        decision = self.decide_untimed(flow, status) if time is None else self.decide_timed(
            flow, status, time, explicit, others_changed
        )
        if decision != "duplicate":
            self.events.append((time, status))
        if time is not None and (self.seen_until is None or time > self.seen_until):
            self.seen_until = time
        return decision

    def decide_timed(self, flow, status, time, explicit, others_changed):
        later = self.seen_until is None or time > self.seen_until
        # Row 1
        if (time, status) in self.events or (time == self.seen_until and status == self.now):
            return "duplicate"
        if later:
            self.ambiguous = False
            # Row 2
            if status == self.now:
                if explicit and self.since is not None and not others_changed:
                    self.since = time
                    return "reentered"
                if self.since is None:
                    self.since = time
                return "duplicate"
            # Row 3
            self.apply(time, status)
            return "applied"
        # Row 4
        if time == self.seen_until and self.since is not None:
            self.ambiguous = True
            if not explicit and self.last_before(time) == status:
                return "duplicate"
            ours, theirs = rank(flow, status), rank(flow, self.now)
            if ours is not None and (theirs is None or ours > theirs):
                self.apply(time, status)
                return "ambiguous_applied"
            return "ambiguous_kept"
        # Row 5
        if status in (self.last_up_to(time), self.first_after(time)):
            return "duplicate"
        return "late"

    def decide_untimed(self, flow, status):
        # Row 6
        if status == self.now:
            return "duplicate"
        # Row 7
        if flow == "malware" and self.now is not None:
            ours, theirs = rank(flow, status), rank(flow, self.now)
            if ours is not None and theirs is not None and ours < theirs:
                return "late"
        # Row 8
        self.ambiguous = False
        self.apply(None, status)
        return "applied"


class Model:
    def __init__(self):
        self.tracks = {}
        self.reported = set()
        self.item_ids = {}

    def receive(self, account, received_at, body):
        report = read(body)
        if isinstance(report, str):
            return {"kind": report, "decisions": []}
        kind = "file" if "malware" in report.statuses else "submission"
        resource = (account, kind, report.resource)
        self.item_ids.setdefault(resource, None)
        if report.item_id is not None:
            self.item_ids[resource] = report.item_id
        # Row 0
        if report.reported is not None:
            content = (resource, report.reported, tuple(sorted(report.statuses.items())))
            if content in self.reported:
                return {"kind": "repeated", "decisions": []}
            self.reported.add(content)
        doubtful = report.reported is not None and report.reported - received_at > MAX_CLOCK_AHEAD
        time = None if doubtful else report.reported
        decisions, changed = [], False
        implied = [flow for flow in report.statuses if flow != report.explicit]
        for flow in implied + ([report.explicit] if report.explicit else []):
            track = self.tracks.setdefault(resource + (flow,), Track())
            before = track.now
            status = report.statuses[flow]
            disposition = track.fold(flow, status, time, flow == report.explicit, changed)
            changed = changed or track.now != before
            decisions.append({
                "flow": flow, "disposition": disposition, "status": status, "time": show(report.reported),
                "clock_doubtful": doubtful,
            })
        return {"kind": "report", "decisions": decisions}


def show(moment):
    return None if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def main():
    model = Model()
    for number, line in enumerate(sys.stdin):
        callback = json.loads(line)
        received_at = datetime.strptime(callback["received_at"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
        print(json.dumps({"callback": number, **model.receive(callback["account"], received_at, callback["body"])}))
    for resource, item_id in sorted(model.item_ids.items(), key=lambda entry: entry[0]):
        print(json.dumps({"resource": resource, "item_id": item_id}))
    for key, track in sorted(model.tracks.items(), key=lambda entry: entry[0]):
        print(json.dumps({
            "track": key, "status": track.now, "status_since": show(track.since),
            "seen_until": show(track.seen_until), "ambiguous": track.ambiguous,
        }))


if __name__ == "__main__":
    main()

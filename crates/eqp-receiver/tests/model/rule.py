"""An independent model of "The rule".

Written from `design.md` ("The rule") and `eqp-api.md` (sections 4 to 6 and 8) alone, by an engineer who had read neither the
implementation (`src/project/`), nor its tests, nor an earlier model. Standard library only. Whoever changes the rule changes
this file from the description too, never from the code: otherwise it repeats the code's mistakes and compares nothing.

Standard input has a line of JSON for each report, in the order of projection: `{"account", "received_at", "body"}`, and for an API
read `read` as well: `{"kind", "id", "began_at"}`. Standard output gets a line for each report with the decision about each flow, and at
the end a line for each track and resource.
"""

import datetime
import json
import re
import sys

FLOWS = {"submission": ("overall", "technical", "marketing"), "file": ("malware",)}

# Section 6 lists the values of a flow in order; section 8 makes that order the rank.
RANK = {
    "overall": (
        "draft",
        "in_progress",
        "approved",
        "released_to_store",
        "developer_removed_from_store",
        "admin_removed_from_store",
        "canceled_by_developer",
        "canceled_by_admin",
    ),
    "technical": (
        "draft",
        "in_automation",
        "awaiting_manual_qa",
        "in_manual_qa",
        "approved",
        "rejected",
        "recalled",
    ),
    "marketing": (
        "draft",
        "awaiting_marketing_review",
        "in_marketing_review",
        "approved",
        "approved_with_modifications_pending",
        "rejected",
        "recalled",
    ),
    "malware": ("queued", "in-progress", "passed", "failed"),
}
SAME_WORD = {"malware": {"pass": "passed", "fail": "failed"}}
MAX_CLOCK_AHEAD = 48 * 3600


def canonical(flow, status):
    """The spelling in which statuses are compared; a code that is not documented stays as it is."""
    plain = status.strip().lower()
    plain = SAME_WORD.get(flow, {}).get(plain, plain)
    return plain if plain in RANK.get(flow, ()) else status


def rank(flow, status):
    known = RANK.get(flow, ())
    return known.index(status) if status in known else None


def further_along(flow, one, other):
    """Is `one` further along than `other`? A value without a rank loses."""
    a, b = rank(flow, one), rank(flow, other)
    return a is not None and (b is None or a > b)


def less_far_along(flow, one, other):
    """Row 7 compares two ranks: a value without one is not "less far along"."""
    a, b = rank(flow, one), rank(flow, other)
    return a is not None and b is not None and a < b


class Track:
    def __init__(self):
        self.now = None
        self.time = None  # of now
        self.seen_until = None
        self.ambiguous = False
        self.confirmed = False
        self.unconfirmed = False
        self.from_callback = False  # the report that now comes from
        self.timed = []  # (time, arrival, status) of the events with a trusted time

    def remember(self, time, arrival, status):
        if time is not None:
            self.timed.append((time, arrival, status))

    def apply(self, status, time, from_callback=True):
        self.now, self.time, self.from_callback = status, time, from_callback
        self.confirmed = self.unconfirmed = False

    def saw(self, time):
        if self.seen_until is None or time > self.seen_until:
            self.seen_until = time

    def last_up_to(self, time):
        known = [event for event in self.timed if event[0] <= time]
        return max(known)[2] if known else None

    def last_before(self, time):
        known = [event for event in self.timed if event[0] < time]
        return max(known)[2] if known else None

    def first_after(self, time):
        known = [event for event in self.timed if event[0] > time]
        return min(known)[2] if known else None


class Model:
    def __init__(self):
        self.tracks = {}  # (kind, id, flow) -> Track
        self.known = {}  # (kind, id) -> [(reported time, statuses)] of earlier callbacks
        self.received = {}  # (kind, id) -> the latest receipt of a report
        self.arrival = 0
        self.events = []

    def fold(self, report):
        """Returns the decisions [(flow, decision, event or None)] of one report; events are also kept in order."""
        kind, ident = resource = report["kind"], report["id"]
        statuses = {flow: canonical(flow, status) for flow, status in report["statuses"].items()}
        reported = report.get("modified")
        explicit = report.get("explicit")
        doubtful = reported is not None and reported > report["received"] + MAX_CLOCK_AHEAD
        time = None if doubtful else reported
        began = report.get("read")
        self.arrival += 1

        if began is not None:
            if self.received.get(resource, began) > began:
                return [(flow, "discarded", None) for flow in statuses]
            repeats = False
        else:
            earlier = self.known.setdefault(resource, [])
            repeats = reported is not None and (reported, statuses) in earlier
            earlier.append((reported, statuses))
        self.received[resource] = max(self.received.get(resource, report["received"]), report["received"])
        if repeats:
            return [(flow, "duplicate", None) for flow in statuses]

        order = [flow for flow in statuses if flow != explicit] + [flow for flow in statuses if flow == explicit]
        decisions, changed = [], False
        for flow in order:
            track = self.tracks.setdefault((kind, ident, flow), Track())
            before = track.now
            if began is not None:
                decision = self.read(track, statuses[flow], time)
            elif time is not None:
                decision = self.timed(track, flow, statuses[flow], time, flow == explicit, changed)
            else:
                decision = self.untimed(track, flow, statuses[flow])
            changed = changed or (track.now != before)
            event = None
            if decision != "duplicate":
                track.remember(time, self.arrival, statuses[flow])
                event = {
                    "kind": kind,
                    "id": ident,
                    "flow": flow,
                    "status": statuses[flow],
                    "previous": before,
                    "decision": decision,
                    "time": reported,
                    "clock_doubtful": doubtful,
                    "explicit": flow == explicit,
                    "now": track.now,
                }
                self.events.append(event)
            decisions.append((flow, decision, event))
        return decisions

    def read(self, track, status, time):
        """Row A, and the first report of a track."""
        if track.now is None:
            track.apply(status, time, from_callback=False)
            track.seen_until, track.confirmed = time, True
            return "applied"
        if status == track.now:
            track.ambiguous = track.unconfirmed = False
            track.confirmed = True
            # Seen until is the latest time of any report; now gets the time if it had none, as in row 2.
            if time is not None and (track.seen_until is None or time > track.seen_until):
                track.saw(time)
                if track.time is None:
                    track.time = time
            return "duplicate"
        # Unconfirmed: the callback reported the same or a later time, and another status. Two statuses in one second explain that.
        contradicts = (
            track.from_callback
            and not track.ambiguous
            and time is not None
            and track.seen_until is not None
            and time <= track.seen_until
        )
        track.apply(status, time, from_callback=False)
        if time is not None:
            track.seen_until = time
        track.ambiguous = False
        track.unconfirmed = contradicts
        track.confirmed = not contradicts
        return "corrected"

    def timed(self, track, flow, status, time, explicit, changed):
        seen = track.seen_until
        newer = seen is None or time > seen
        same = status == track.now
        # 1
        if any(event[0] == time and event[2] == status for event in track.timed) or (time == seen and same):
            track.saw(time)
            return "duplicate"
        # 2 and 3
        if newer:
            track.saw(time)
            track.ambiguous = track.unconfirmed = False
            if not same:
                track.apply(status, time)
                return "applied"
            if track.time is None:
                track.time = time
                return "duplicate"
            if explicit and not changed:
                track.apply(status, time)
                return "reentered"
            return "duplicate"
        # 4
        if time == seen and track.time is not None:
            track.ambiguous = True
            if not explicit and track.last_before(time) == status:
                return "duplicate"
            if further_along(flow, status, track.now):
                track.apply(status, time)
            return "ambiguous"
        # 5
        if status in (track.last_up_to(time), track.first_after(time)):
            return "duplicate"
        return "late"

    def untimed(self, track, flow, status):
        # 6
        if status == track.now:
            return "duplicate"
        # 7
        if flow == "malware" and track.now is not None and less_far_along(flow, status, track.now):
            return "late"
        # 8
        track.apply(status, None)
        track.ambiguous = False
        return "applied"


def fold(reports):
    """All reports in their order: (events, {(kind, id, flow): (now, time, seen until, ambiguous)})."""
    model = Model()
    for report in reports:
        model.fold(report)
    tracks = {
        key: (track.now, track.time, track.seen_until, track.ambiguous) for key, track in sorted(model.tracks.items())
    }
    return model.events, tracks


class Number(str):
    """A JSON number with the digits that were sent."""


def text_of(value):
    """Text that says something, as it was sent; None for anything else."""
    return value if isinstance(value, str) and not isinstance(value, Number) and value.strip() else None


def code_of(value, documented):
    """A code: letter case and surrounding blanks are ignored in documented ones."""
    text = text_of(value)
    plain = "" if text is None else text.strip().lower()
    return plain if plain in documented else text


def id_of(value):
    """An ID is text or a number; a number keeps its digits."""
    return str(value) if isinstance(value, Number) else text_of(value)


def object_of(value):
    return value if isinstance(value, dict) else {}


DOCUMENTED = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|\s)\s*(\d\d?):(\d\d):(\d\d)(?:\.\d+)?\s*(?:UTC|GMT|[Zz]|([+-])(\d\d):?(\d\d))?"
)
EPOCH = datetime.datetime(1970, 1, 1)


def seconds_of(value):
    """The reported time in seconds since 1970, or None where it cannot be read."""
    if isinstance(value, Number):
        return int(value) if re.fullmatch(r"-?\d+", value) else None
    written = (text_of(value) or "").strip()
    if re.fullmatch(r"\d+", written):
        return int(written)
    found = DOCUMENTED.fullmatch(written)
    if found is None:
        return None
    try:
        local = datetime.datetime(*(int(part) for part in found.groups()[:6]))
    except ValueError:
        return None
    if local.year <= 1970:
        return None  # no review is as old as that: a zero date means "no time"
    seconds = int((local - EPOCH).total_seconds())
    if found[7]:
        offset = int(found[8]) * 3600 + int(found[9]) * 60
        seconds -= offset if found[7] == "+" else -offset
    return seconds


def written(seconds):
    return None if seconds is None else str(EPOCH + datetime.timedelta(seconds=seconds))


UNSPECIFIED = "unspecified"  # a status whose flow cannot be read: nobody may guess which review it is about


def decode(body):
    """("report", a report without `received`), or ("unrecognized" | "undecodable", None)."""
    try:
        sent = json.loads(body, parse_int=Number, parse_float=Number)
    except ValueError:
        return "undecodable", None
    if not isinstance(sent, dict):
        return "undecodable", None
    code = code_of(sent.get("callback_event"), ("malware_scan_complete", "eqp_status_update"))
    if code is None:
        return "undecodable", None
    about = object_of(sent.get("update_info"))
    report = {"modified": seconds_of(about.get("modified_at")), "statuses": {}, "explicit": None, "item_id": None}
    if code == "malware_scan_complete":
        report["kind"], report["id"] = "file", id_of(about.get("file_upload_id"))
        result = text_of(about.get("tool_result"))
        if result is not None:
            report["statuses"]["malware"], report["explicit"] = result, "malware"
    elif code == "eqp_status_update":
        report["kind"], report["id"] = "submission", id_of(about.get("submission_id"))
        report["item_id"] = id_of(about.get("item_id"))
        states = object_of(about.get("eqp_status"))
        for flow in FLOWS["submission"]:
            status = text_of(states.get(flow))
            if status is not None:
                report["statuses"][flow] = status
        current = text_of(about.get("current_status")) or text_of(about.get("eqp_state"))
        if current is not None:
            flow = code_of(about.get("eqp_flow"), (*FLOWS["submission"], *FLOWS["file"]))
            if flow in FLOWS["file"]:
                flow = None  # a submission has no such flow
            if flow is None and not report["statuses"]:
                flow = UNSPECIFIED
            if flow is not None:
                report["statuses"][flow], report["explicit"] = current, flow
    else:
        return "unrecognized", None
    if report["id"] is None or not report["statuses"]:
        return "undecodable", None
    return "report", report


def decode_read(body, kind, ident):
    """The API's answer about a resource; None if it is not about this one or has no status."""
    try:
        sent = json.loads(body, parse_int=Number, parse_float=Number)
    except ValueError:
        return None
    sent = object_of(sent)
    report = {"kind": kind, "modified": seconds_of(sent.get("modified_at")), "statuses": {}, "explicit": None}
    if kind == "file":
        report["id"], report["item_id"] = id_of(sent.get("file_upload_id")), None
        found = {"malware": sent.get("malware_status")}
    else:
        report["id"], report["item_id"] = id_of(sent.get("submission_id")), id_of(sent.get("item_id"))
        states = object_of(sent.get("eqp_status"))
        found = {flow: states.get(flow) for flow in FLOWS["submission"]}
    report["statuses"] = {flow: text_of(status) for flow, status in found.items() if text_of(status) is not None}
    return report if report["id"] == ident and report["statuses"] else None


def main():
    accounts, item_ids = {}, {}

    def say(line):
        print(json.dumps(line))

    for number, line in enumerate(sys.stdin):
        callback = json.loads(line)
        account = callback["account"]
        model = accounts.setdefault(account, Model())
        read = callback.get("read")
        if read is None:
            kind, report = decode(callback["body"])
        else:
            report = decode_read(callback["body"], read["kind"], read["id"])
            kind = "undecodable" if report is None else "report"
        decisions = []
        if report is not None:
            report["received"] = seconds_of(callback["received_at"])
            if read is not None:
                report["read"] = seconds_of(read["began_at"])
            decided = model.fold(report)
            if report["item_id"] is not None and decided[0][1] != "discarded":
                item_ids[account, report["kind"], report["id"]] = report["item_id"]
            for flow, disposition, event in decided:
                if disposition == "ambiguous":
                    disposition += "_applied" if event["now"] == event["status"] else "_kept"
                said = {"flow": flow, "disposition": disposition}
                if event is not None:
                    said |= {"status": event["status"], "time": written(event["time"])}
                    said["clock_doubtful"] = event["clock_doubtful"]
                decisions.append(said)
        say({"callback": number, "kind": kind, "decisions": decisions})
    for account, model in accounts.items():
        for (kind, ident, flow), track in model.tracks.items():
            say(
                {
                    "track": [account, kind, ident, flow],
                    "status": track.now,
                    "status_since": written(track.time),
                    "seen_until": written(track.seen_until),
                    "ambiguous": track.ambiguous,
                    "confirmed": track.confirmed,
                    "unconfirmed": track.unconfirmed,
                }
            )
        for kind, ident in sorted({key[:2] for key in model.tracks}):
            say({"resource": [account, kind, ident], "item_id": item_ids.get((account, kind, ident))})


if __name__ == "__main__":
    main()

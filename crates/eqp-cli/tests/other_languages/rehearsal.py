"""An example of a vendor's own test with the simulator, in Python, using only the standard library.

It needs the variables in eqp.env, which `eqp simulator` writes to its folder. It creates a package through the
Marketplace's API, injects a fault into one call, controls the review through the control API, and reads the resulting
events from a real receiver (`eqp serve`) with `eqp events list --json`.
"""

import base64
import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request

TLS = ssl.create_default_context(cafile=os.environ["EQP_CA_FILE"])
API = os.environ["EQP_API_URL"] + "/rest/v1"
CONTROL = os.environ["EQP_SIMULATOR_CONTROL_URL"]


def read(variable):
    with open(os.environ[variable], encoding="utf-8") as file:
        return file.read().strip()


def call(method, url, authorization, body=None):
    """Returns the status and the JSON of the response."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, context=TLS, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def control(method, path, body=None):
    return call(method, CONTROL + path, "Bearer " + read("EQP_SIMULATOR_CONTROL_TOKEN_FILE"), body)


def session():
    key = os.environ["EQP_APPLICATION_ID"] + ":" + read("EQP_APPLICATION_SECRET_FILE")
    basic = "Basic " + base64.b64encode(key.encode()).decode()
    status, granted = call("POST", API + "/app/session/token", basic, {"grant_type": "session"})
    assert status == 200, granted
    return "Bearer " + granted["ust"]


def upload(bearer, filename, kind, data):
    boundary = "rehearsal-boundary"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file[]"; filename="{filename}"\r\nContent-Type: {kind}\r\n\r\n'
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Authorization": bearer, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    request = urllib.request.Request(API + "/files/uploads", data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request, context=TLS, timeout=60) as answer:
        return {"file_upload_id": json.load(answer)[0]["file_upload_id"]}


def events():
    listed = subprocess.run(
        [os.environ["EQP"], "events", "list", "--json"], check=True, capture_output=True, text=True, timeout=60
    )
    return json.loads(listed.stdout)["events"]


# Make one call fail once. The syntax is the same as on the command line.
status, fault = control("POST", "/faults", {"fault": "status=503 call=packages.create nth=1"})
assert status == 200 and fault["active"], fault

bearer = session()
archive = upload(bearer, "badges.zip", "application/zip", b"PK\x05\x06" + bytes(18))
guide = upload(bearer, "guide.pdf", "application/pdf", b"%PDF-1.4")
# A package can only be submitted after the scans of its files, so end them now.
for file in (archive, guide):
    status, ended = control("POST", f"/files/{file['file_upload_id']}/scan", {"result": "passed"})
    assert status == 200, ended
package = {
    "item_id": "rehearsal",
    "type": "extension",
    "platform": "M2",
    "name": "Badges",
    "version": "1.0.0",
    "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}],
    "release_notes": "First",
    "artifact": archive,
    "documentation_artifacts": {"user": guide},
    "action": {"technical": "submit"},
}
status, refused = call("POST", API + "/products/packages", bearer, [package])
assert status == 503, refused
status, created = call("POST", API + "/products/packages", bearer, [package])
assert status == 200 and created[0]["code"] == 200, created
submission = created[0]["submission_id"]
assert control("GET", "/faults")[1]["faults"][0]["injected"] == 1

# Move the review to its next step, and reject the package with a reason.
status, moved = control("POST", f"/packages/{submission}/advance", {"flow": "technical"})
assert moved["eqp_status"]["technical"] == "awaiting_manual_qa", moved
decision = {"flow": "technical", "decision": "rejected", "reasons": ["No tests"], "message": "Please add some."}
status, moved = control("POST", f"/packages/{submission}/decision", decision)
assert status == 200 and moved["eqp_status"]["technical"] == "rejected", moved

# A misspelled word is rejected, and the error contains the nearest valid one.
status, problem = control("POST", f"/packages/{submission}/decision", {"flow": "technical", "decision": "reject"})
assert (status, problem["nearest"]) == (422, "rejected"), problem

# Wait until the receiver has accepted all callbacks, and check the events.
taken, after = 0, 0
while taken < 5:
    status, sent = control("GET", f"/callbacks?after={after}&wait=30s")
    assert sent["callbacks"], "no more callbacks were sent"
    for callback in sent["callbacks"]:
        assert callback["http_status"] == 200, callback
        after, taken = callback["number"], taken + 1
# Two scans; in automation, awaiting manual QA, rejected.
wanted = ["in_automation", "awaiting_manual_qa", "rejected"]
deadline = 100
while True:
    told = [event["status"] for event in events() if event["resource_id"] == submission and event["flow"] == "technical"]
    if sorted(told) == sorted(wanted):
        break
    deadline -= 1
    assert deadline > 0, told
print("rehearsed")

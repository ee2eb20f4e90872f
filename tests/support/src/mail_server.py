"""A mail server for tests. Prints its port, and then each mail as one line of JSON.

Arguments: `starttls`, `tls` or `none`, and the files of the certificate and its key.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

MODE, CERTIFICATE, KEY = sys.argv[1:4]


def tell(text):
    print(text, flush=True)


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        if address.startswith("stranger@"):
            return "553 5.7.1 sender not allowed"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "later":
            return "450 4.2.1 mailbox busy"
        if name == "unknown":
            return "550 5.1.1 unknown user"
        if name == "closing":
            return "421 4.3.2 shutting down"
        if name == "repeating":
            return "550 you logged in with hush-password"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        raw = envelope.content.decode("latin-1").split("\r\n\r\n")[0]
        tell(json.dumps({
            "tls": session.ssl is not None,
            "user": session.auth_data.decode() if session.auth_data else None,
            "recipients": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in mail.items()],
            "raw": raw,
            "text": mail.get_content().replace("\r\n", "\n"),
        }))
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    if isinstance(data, LoginPassword) and data == LoginPassword(b"eqp", b"hush-password"):
        return AuthResult(success=True, auth_data=b"eqp")
    return AuthResult(success=False, handled=False)


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(CERTIFICATE, KEY)
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)


def session():
    options = {"authenticator": authenticate, "auth_required": MODE != "none", "loop": loop, "hostname": "mail.test"}
    if MODE == "starttls":
        options |= {"tls_context": tls, "require_starttls": True}
    else:
        options |= {"auth_require_tls": False}
    return SMTP(Handler(), **options)


listening = loop.create_server(session, "127.0.0.1", 0, ssl=tls if MODE == "tls" else None)
tell(loop.run_until_complete(listening).sockets[0].getsockname()[1])
loop.run_forever()

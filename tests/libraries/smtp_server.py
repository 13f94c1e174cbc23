"""aiosmtpd: a mail server on a port of its own, or on the one in PORT. Takes mail after a login, within TLS where it is
given a certificate, and prints each as a line of JSON: first its port, then envelope, text, and how it came. Refuses
mail to never@ for good and mail to full@ for now."""

import json
import logging
import os
import ssl
import sys
import warnings
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
protection, *files = sys.argv[1:]
user, password = b"auth@example.com", b"pa ss%word"


def say(value):
    print(json.dumps(value), flush=True)


class Inbox:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("never@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("full@"):
            return "452 4.2.2 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = message_from_bytes(envelope.content, policy=policy.default)
        say({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "header_from": mail["From"],
            "subject": mail["Subject"],
            "message_id": mail["Message-ID"],
            "text": mail.get_content(),
            "tls": session.ssl is not None or protection == "tls",
            "signed_in": session.authenticated,
        })
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (user, password))


class Server(Controller):
    def factory(self):
        starttls = protection == "starttls"
        return SMTP(
            self.handler,
            hostname="mail.test",
            authenticator=authenticate,
            auth_required=protection != "none",
            # With TLS from the first byte, the server class does not know that TLS is active.
            auth_require_tls=starttls,
            require_starttls=starttls,
            tls_context=context if starttls else None,
        )

    def _trigger_server(self):
        """Its own first call: the port is known only now."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


context = None
if files:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
server = Server(Inbox(), hostname="127.0.0.1", port=int(os.environ.get("PORT", "0")), ssl_context=context if protection == "tls" else None)
server.start()
say({"port": server.port})
# Until the parent process ends.
sys.stdin.read()
server.stop()

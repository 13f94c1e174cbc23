// Hands the answer of /oauth/authorize back to the documentation page that opened this window.
const flow = window.opener?.swaggerUIRedirectOauth2;
if (flow) {
  const answer = Object.fromEntries(new URLSearchParams(location.search));
  const tell = (level, message) => flow.errCb({ authId: flow.auth.name, source: "auth", level, message });
  if (answer.state !== flow.state) {
    tell("error", "The answer does not belong to this page's request: its state is another one.");
  } else if (answer.code) {
    delete flow.state;
    flow.auth.code = answer.code;
    flow.callback({ auth: flow.auth, redirectUrl: flow.redirectUrl });
  } else {
    tell("error", `[${answer.error}]: ${answer.error_description ?? "The request was refused."}`);
  }
  window.close();
}

// A person with a browser: signs in, allows the request, and follows redirects until the app's own address.
export class Browser {
  constructor(issuer, email, password) {
    Object.assign(this, { issuer, email, password, cookies: new Map(), csrf: '' });
  }

  async send(method, path, body) {
    const headers = { origin: this.issuer, cookie: [...this.cookies].map((pair) => pair.join('=')).join('; ') };
    if (body) headers['content-type'] = 'application/json';
    if (this.csrf) headers['x-csrf-token'] = this.csrf;
    const options = { method, headers, body: body && JSON.stringify(body), redirect: 'manual' };
    const response = await fetch(new URL(path, this.issuer), options);
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split('=');
      this.cookies.set(name, value);
    }
    return response;
  }

  async json(method, path, body) {
    const response = await this.send(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** Opens an address of the server and returns the first address outside of it. */
  async open(address) {
    const response = await this.send('GET', address);
    if (response.status !== 303) throw new Error(`${address}: ${response.status} ${await response.text()}`);
    const next = new URL(response.headers.get('location'), this.issuer);
    if (next.origin !== this.issuer) return next.href;
    const request = next.searchParams.get('request');
    if (next.pathname === '/sign-in') {
      const session = await this.json('POST', '/v1/auth/session', { email: this.email, password: this.password });
      this.csrf = session.csrf_token;
    }
    return (await this.json('POST', `/v1/oauth/requests/${request}`, { decision: 'allow' })).redirect_to;
  }
}

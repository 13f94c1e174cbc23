//! A browser for sign-in and consent: it stores cookies by host and port, follows redirects, and acts as Keywright's
//! pages do.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::Reply;
use crate::wire::Ask;
use crate::world::PASSWORD;

/// Redirect limit, against loops.
const REDIRECTS: usize = 5;

/// A browser.
pub struct Browser {
    /// Host and port of Keywright's own pages.
    home: String,
    cookies: BTreeMap<SocketAddr, BTreeMap<String, String>>,
    csrf_token: String,
}

/// Host and port, and the rest, of an address on this machine; none for other hosts.
fn here(url: &str) -> Option<(SocketAddr, String)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    Some((authority.parse().ok()?, format!("/{path}")))
}

impl Browser {
    /// A browser without cookies.
    pub fn new(home: &str) -> Self {
        Self { home: home.to_owned(), cookies: BTreeMap::new(), csrf_token: String::new() }
    }

    /// Signs in on Keywright's page.
    pub async fn sign_in(&mut self, email: &str, password: &str) {
        let body = json!({"email": email, "password": password});
        let signed_in = self.call("POST /v1/auth/session", &body).await.expect(201);
        self.csrf_token = signed_in["csrf_token"].as_str().expect("a token").to_owned();
    }

    /// A call of one of Keywright's pages.
    pub async fn call(&mut self, route: &str, body: &Value) -> Reply {
        let (address, _) = here(&self.home).expect("it is here");
        let mut ask = Ask::route(route).with("Origin", &self.home);
        if !self.csrf_token.is_empty() {
            ask = ask.with("X-CSRF-Token", &self.csrf_token);
        }
        if !body.is_null() {
            ask = ask.json(body);
        }
        self.send(address, ask).await
    }

    /// The cookies of Keywright's pages.
    pub fn cookie(&self) -> String {
        let (address, _) = here(&self.home).expect("it is here");
        let jar = self.cookies.get(&address).expect("cookies");
        let pairs: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    async fn send(&mut self, address: SocketAddr, ask: Ask) -> Reply {
        let jar = self.cookies.entry(address).or_default();
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let ask = if cookies.is_empty() { ask } else { ask.with("Cookie", &cookies.join("; ")) };
        let reply = ask.send(address).await;
        for line in reply.headers.get_all("set-cookie") {
            let pair = line.to_str().expect("ASCII").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("name and value");
            jar.insert(name.to_owned(), value.to_owned());
        }
        reply
    }

    /// Opens an application's authorization request, signs in and allows all scopes; returns the application's address
    /// to which the browser is redirected.
    pub async fn allow(&mut self, url: &str, email: &str) -> String {
        let mut url = url.replace(' ', "%20");
        for _ in 0..REDIRECTS {
            let (address, target) = here(&url).expect("an address on this machine");
            if let Some(request) = target.strip_prefix("/sign-in?request=") {
                assert!(url.starts_with(&self.home), "no page answers at {url}");
                self.sign_in(email, PASSWORD).await;
                url = format!("{}/consent?request={request}", self.home);
            } else if let Some(request) = target.strip_prefix("/consent?request=") {
                assert!(url.starts_with(&self.home), "no page answers at {url}");
                return self.decide(request).await;
            } else {
                let reply = self.send(address, Ask::route(&format!("GET {target}"))).await;
                assert!(matches!(reply.status, 303 | 307), "{} {}", reply.status, reply.text());
                let location = reply.header("location").to_owned();
                url =
                    if location.starts_with('/') { format!("http://{address}{location}") } else { location };
                if here(&url).is_none() {
                    return url;
                }
            }
        }
        panic!("redirected in a circle: {url}");
    }

    async fn decide(&mut self, request: &str) -> String {
        let path = format!("/v1/oauth/requests/{request}");
        let asked = self.call(&format!("GET {path}"), &Value::Null).await.expect(200);
        assert_eq!(asked["consent_required"], true, "{asked}");
        let described = asked["scopes"].as_array().expect("scopes");
        assert!(described.iter().all(|scope| scope["description"] != ""), "{asked}");
        let decision = json!({"decision": "allow"});
        let answer = self.call(&format!("POST {path}"), &decision).await.expect(200);
        answer["redirect_to"].as_str().expect("an address").to_owned()
    }
}

/// A parameter of an address.
pub fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    found.unwrap_or_else(|| panic!("no {name} in {url}")).1.to_owned()
}

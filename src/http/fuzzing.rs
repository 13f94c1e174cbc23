//! One function for each parser that an unauthenticated caller reaches, with the properties that hold for every input.
//! `fuzz/` runs them under libFuzzer; a test runs them over the checked-in corpora.

use std::net::IpAddr;
use std::sync::LazyLock;

use poem::http::{HeaderMap, HeaderValue, header};

use super::oauth::urlencoded;
use super::{context, cookie};
use crate::domain::apis;
use crate::domain::identity::signing_keys::Forge;
use crate::domain::identity::tokens::{ACCESS_TYPE, AccessClaims};
use crate::env::SeededRng;
use crate::model::api::ApiDescription;
use crate::model::{RedirectUri, RequestPath, ScopeExpr, Shape, inspect, redact};
use crate::platform::cursor;
use crate::platform::vault::{self, Vault};

/// A parser with its properties. It panics when one does not hold.
pub type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
pub const TARGETS: [(&str, Target); 12] = [
    ("key_shape", key_shape),
    ("scope_expression", scope_expression),
    ("request_path", request_path),
    ("redirect_uri", redirect_uri),
    ("cursor", cursor),
    ("form", form),
    ("jwt", jwt),
    ("cidr", cidr),
    ("route_pattern", route_pattern),
    ("cookie", cookie),
    ("forwarded_for", forwarded_for),
    ("description", description),
];

/// Input as text; parsers of text never see anything else.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The form and checksum of an API key. A text without a key stays as it is, and redaction leaves none.
pub fn key_shape(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match inspect(text) {
        Shape::Ours { prefix, environment } | Shape::BadChecksum { prefix, environment } => {
            assert!(text.starts_with(&format!("{prefix}_{environment}_")));
            assert_eq!(text.len(), prefix.len() + environment.to_string().len() + 2 + 38);
        }
        Shape::Foreign => {}
    }
    let redacted = redact(text);
    assert!(!crate::model::holds_key(&redacted), "{redacted:?}");
    assert_eq!(redact(&redacted), redacted);
    if !crate::model::holds_key(text) {
        assert_eq!(redacted, text);
    }
}

/// A scope expression. Its text parses to itself, and more scopes never satisfy less.
pub fn scope_expression(data: &[u8]) {
    let Some(parsed) = text(data).and_then(|text| ScopeExpr::parse(text).ok()) else { return };
    let again = ScopeExpr::parse(parsed.as_str()).expect("the text of an expression is one");
    assert_eq!(again.as_str(), parsed.as_str());
    assert!(parsed.eval(|_| true));
    assert!(!parsed.eval(|_| false));
    let names: Vec<&str> = parsed.names().collect();
    let mut satisfied = false;
    for granted in 0..=names.len() {
        let now = parsed.eval(|name| names[..granted].contains(&name));
        assert!(now || !satisfied, "{granted} scopes satisfy less than {}", granted - 1);
        assert_eq!(now, again.eval(|name| names[..granted].contains(&name)));
        satisfied = now;
    }
    assert!(satisfied);
}

/// A path with every character encoded that needs it.
fn spelt(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,=:@".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The path of a described request. It has no dot or empty segments and no delimiters, and spelt again it reads the same.
pub fn request_path(data: &[u8]) {
    let Some(Ok(path)) = text(data).map(RequestPath::of) else { return };
    let text = path.as_str();
    assert!(!text.chars().any(|character| character.is_control() || "\\;?#".contains(character)), "{text:?}");
    let segments: Vec<&str> = text.strip_prefix('/').expect("it starts with a slash").split('/').collect();
    for (at, segment) in segments.iter().enumerate() {
        assert!(!matches!(*segment, "." | ".."), "{text:?}");
        assert!(!segment.is_empty() || at == segments.len() - 1, "{text:?}");
    }
    assert_eq!(RequestPath::of(&spelt(text)).as_ref().map(RequestPath::as_str), Ok(text));
    assert!(path.matches("/*", false));
}

/// A redirect URI. Its text parses to itself and matches itself; unless it is a loopback address, nothing else does.
pub fn redirect_uri(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (registered, presented) = text.split_once('\n').unwrap_or((text, text));
    let Ok(uri) = registered.parse::<RedirectUri>() else { return };
    assert_eq!(uri.as_str().parse::<RedirectUri>().as_ref().map(RedirectUri::as_str), Ok(registered));
    assert!(uri.matches(registered));
    assert!(!registered.chars().any(char::is_control) && !registered.contains('#'));
    if uri.matches(presented) && !uri.is_loopback() {
        assert_eq!(presented, registered);
    }
}

static VAULT: LazyLock<Vault> =
    LazyLock::new(|| Vault::open(&vault::generate(&SeededRng::new(1))).expect("a new key opens"));

/// A cursor. Only the text that was made for a position gives it back.
pub fn cursor(data: &[u8]) {
    if let Some(text) = text(data)
        && let Ok(position) = cursor::decode::<i64>(&VAULT, "list", &(), text)
    {
        assert_eq!(cursor::encode(&VAULT, "list", &(), &position), text);
    }
    let bytes = data.first_chunk::<8>().copied().unwrap_or_default();
    let position = i64::from_le_bytes(bytes);
    let made = cursor::encode(&VAULT, "list", &(), &position);
    assert_eq!(cursor::decode::<i64>(&VAULT, "list", &(), &made).ok(), Some(position));
    assert!(cursor::decode::<i64>(&VAULT, "other", &(), &made).is_err());
    // One changed character, wherever it is.
    if let Some(&at) = data.get(8) {
        let mut changed = made.clone().into_bytes();
        let at = usize::from(at) % changed.len();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("base64 is ASCII");
        assert!(cursor::decode::<i64>(&VAULT, "list", &(), &changed).is_err());
    }
}

/// A form. Names are unique, and what it says survives being encoded again.
pub fn form(data: &[u8]) {
    let Ok(params) = urlencoded::parse(data) else { return };
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs: Vec<(&str, &str)> = params.iter().collect();
    for (at, (name, _)) in pairs.iter().enumerate() {
        assert!(pairs[..at].iter().all(|(other, _)| other != name));
    }
    let encoded: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    let again = urlencoded::parse(encoded.join("&").as_bytes()).expect("what was encoded can be read");
    assert_eq!(again.iter().collect::<Vec<_>>(), pairs);
}

static FORGE: LazyLock<Forge> = LazyLock::new(Forge::new);

/// An access token: any text, and any header and claims under a right signature. Only our own header is accepted, and
/// claims are what they are written as.
pub fn jwt(data: &[u8]) {
    if let Some(text) = text(data) {
        assert!(FORGE.open::<AccessClaims>(ACCESS_TYPE, text).is_none(), "unsigned: {text:?}");
    }
    let at = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (header, claims) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    // The corpus cannot know the id of a key that is made anew.
    let header = String::from_utf8_lossy(header).replace("KID", FORGE.kid());
    for header in [header.as_bytes(), FORGE.header(ACCESS_TYPE).as_bytes()] {
        let token = FORGE.sign(header, claims);
        let Some(claims) = FORGE.open::<AccessClaims>(ACCESS_TYPE, &token) else { continue };
        let read: serde_json::Value = serde_json::from_slice(header).expect("an accepted header is JSON");
        let ours: serde_json::Value =
            serde_json::from_str(&FORGE.header(ACCESS_TYPE)).expect("our own header is JSON");
        assert_eq!(read, ours);
        let written = serde_json::to_vec(&claims).expect("claims can be written");
        let token = FORGE.sign(header, &written);
        assert_eq!(FORGE.open::<AccessClaims>(ACCESS_TYPE, &token), Some(claims));
    }
}

/// A network of `allowed_ips`. Its text parses to itself, and it holds its own address.
pub fn cidr(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(network) = crate::domain::keys::network(text) else { return };
    let written = network.to_string();
    assert_eq!(crate::domain::keys::network(&written).ok(), Some(network), "{written}");
    assert!(network.contains(&network.network()));
    assert_eq!(network.trunc(), network, "{written}");
}

/// The path pattern of a route. The path that it is an example of matches it.
pub fn route_pattern(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if apis::path_pattern(text).is_err() {
        return;
    }
    let example: Vec<&str> = text
        .split('/')
        .map(|segment| if segment.starts_with('{') || segment == "*" { "x" } else { segment })
        .collect();
    let example = spelt(&example.join("/"));
    if let Ok(path) = RequestPath::of(&example) {
        assert!(path.matches(text, false), "{example:?} under {text:?}");
    }
}

/// The header `Cookie`. A value is a part of the header without separators; sent twice, it is none.
pub fn cookie(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, value.clone());
    let Some(found) = cookie::named(&headers, "keywright").map(str::to_owned) else { return };
    assert!(!found.contains(';') && found.trim_end() == found);
    assert!(value.to_str().expect("it was read").contains(&format!("keywright={found}")));
    headers.append(header::COOKIE, HeaderValue::from_static("keywright=other"));
    assert_eq!(cookie::named(&headers, "keywright"), None);
}

/// The header `X-Forwarded-For` behind a trusted network. What the client wrote further left changes nothing.
pub fn forwarded_for(data: &[u8]) {
    let (trusted, peer) = (["10.0.0.0/8".parse().expect("a network")], IpAddr::from([10, 0, 0, 1]));
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-for", value.clone());
    let Some(ip) = context::forwarded_for(&headers, &trusted, peer) else { return };
    assert_eq!(context::canonical(ip), ip);
    let ours = |ip: IpAddr| trusted.iter().any(|network: &ipnet::IpNet| network.contains(&ip));
    if !ours(ip) {
        let longer = [b"203.0.113.7, nonsense, ", value.as_bytes()].concat();
        headers.insert("x-forwarded-for", HeaderValue::from_bytes(&longer).expect("still a header"));
        assert_eq!(context::forwarded_for(&headers, &trusted, peer), Some(ip));
    }
}

/// A TOML description of an API. What was read can be written and reads the same.
pub fn description(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(read) = toml::from_str::<ApiDescription>(text) else { return };
    let written = toml::to_string(&read).expect("a description can be written");
    assert_eq!(toml::from_str::<ApiDescription>(&written).as_ref(), Ok(&read));
}

//! Arms of the measurement: requests and servers.

use super::Options;
use super::drive::Requests;
use super::fill::{self, Key};

/// The request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// `/v1/forward-auth`, as a proxy sends it.
    Forward,
    /// `POST /v1/keys/verify`.
    Verify,
}

/// The server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// poem's 204.
    Bare,
    /// A poem handler that reads and answers the same bytes without work.
    Constant,
    /// Keywright with a thousand keys.
    Few,
    /// Keywright with a million keys.
    Many,
    /// Keywright with ten million rows in its log.
    Log,
}

/// One arm.
pub(crate) struct Arm<'k> {
    pub(crate) name: &'static str,
    pub(crate) what: What,
    pub(crate) on: On,
    /// Requests before each measurement.
    pub(crate) warm_up: usize,
    /// Order for the server before it.
    pub(crate) order: Option<&'static str>,
    pub(crate) requests: Requests<'k>,
}

/// Requests before a measurement without warm-up.
const BRIEFLY: usize = 5_000;

/// All arms, in the order of a round.
pub(crate) fn all<'k>(keys: &'k [Key], options: &Options) -> Vec<Arm<'k>> {
    use On::{Bare, Constant, Few, Log, Many};
    use What::{Forward, Verify};
    let few = fill::FEW.min(options.keys);
    // Twice, so that the cache has seen each of them again.
    let warm = 2 * options.hot;
    let plain = [
        ("bare 204", Forward, Bare, few, BRIEFLY, None),
        ("forward-auth: constant", Forward, Constant, few, BRIEFLY, None),
        ("forward-auth", Forward, Few, few, BRIEFLY, None),
        ("verify: constant", Verify, Constant, few, BRIEFLY, None),
        ("verify", Verify, Few, few, BRIEFLY, None),
        ("forward-auth, 10M rows", Forward, Log, few, BRIEFLY, Some("log on")),
        ("forward-auth, log off", Forward, Log, few, BRIEFLY, Some("log off")),
        ("verify, 10M rows", Verify, Log, few, BRIEFLY, Some("log on")),
        ("verify, log off", Verify, Log, few, BRIEFLY, Some("log off")),
        ("forward-auth, 1M keys, warm", Forward, Many, options.hot, warm, None),
        ("forward-auth, 1M keys, missing", Forward, Many, options.keys, BRIEFLY, None),
        ("verify, 1M keys, warm", Verify, Many, options.hot, warm, None),
        ("verify, 1M keys, missing", Verify, Many, options.keys, BRIEFLY, None),
    ];
    let arm = |(name, what, on, keys_used, warm_up, order): (_, What, _, _, _, _)| {
        let requests = what.requests(keys, shuffled(keys_used));
        Arm { name, what, on, warm_up, order, requests }
    };
    plain.into_iter().map(arm).collect()
}

impl What {
    /// Text of a valid response.
    pub(crate) const fn good(self) -> &'static [u8] {
        match self {
            Self::Forward => b"",
            Self::Verify => b"{\"valid\":true",
        }
    }

    /// Requests with keys in this order.
    pub(crate) fn requests(self, keys: &[Key], order: Vec<usize>) -> Requests<'_> {
        let gap = "K".repeat(fill::KEY_LENGTH);
        let text = match self {
            Self::Forward => forward(&gap),
            Self::Verify => verify(&gap, &fill::management_key()),
        };
        let at = text.find(&gap).expect("the gap is there");
        Requests::Gap { text: text.into_bytes(), at, values: keys, order, next: 0 }
    }
}

pub(crate) fn forward(key: &str) -> String {
    format!(
        "GET /v1/forward-auth?api=bench&scope=queries:read HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         User-Agent: python-requests/2.32.3\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n\
         Authorization: Bearer {key}\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Method: POST\r\n\
         X-Forwarded-Uri: /v1/queries?limit=10\r\nX-Forwarded-Host: api.example.com\r\n\
         X-Forwarded-Proto: https\r\n\r\n"
    )
}

fn verify(key: &str, management_key: &str) -> String {
    let body = format!(
        r#"{{"key":"{key}","api":"bench","scopes":"queries:read","request":{{"ip":"203.0.113.9","method":"POST","path":"/v1/queries","user_agent":"python-requests/2.32.3"}}}}"#
    );
    format!(
        "POST /v1/keys/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: keywright-python/1\r\n\
         Accept: */*\r\nAuthorization: Bearer {management_key}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The numbers below `count` in a pseudo-random order, the same in every run.
pub(crate) fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut random = fill::Random(0x9e37_79b9_7f4a_7c15);
    for at in (1..count).rev() {
        order.swap(at, random.below(at as u64 + 1) as usize);
    }
    order
}

//! What is measured.

use super::Options;
use super::drive::Requests;
use super::fill::{self, Key};

/// Which question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// `/v1/forward-auth`, as a proxy asks.
    Forward,
    /// `POST /v1/keys/verify`.
    Verify,
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arm {
    /// poem's 204.
    Bare,
    /// A poem handler that answers the same bytes without thinking.
    Constant(What),
    /// The real thing with a thousand keys.
    Few(What),
    /// The real thing with a million keys, of which those in use fit into the cache.
    ManyWarm(What),
    /// The real thing with a million keys in turn: nearly every one is read from the store.
    ManyMissing(What),
}

impl Arm {
    pub(crate) const ALL: &[Self] = &[
        Self::Bare,
        Self::Constant(What::Forward),
        Self::Few(What::Forward),
        Self::Constant(What::Verify),
        Self::Few(What::Verify),
        Self::ManyWarm(What::Forward),
        Self::ManyMissing(What::Forward),
        Self::ManyWarm(What::Verify),
        Self::ManyMissing(What::Verify),
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Bare => "bare".to_owned(),
            Self::Constant(what) => format!("constant-{}", what.name()),
            Self::Few(what) => what.name().to_owned(),
            Self::ManyWarm(what) => format!("{}-many-warm", what.name()),
            Self::ManyMissing(what) => format!("{}-many-missing", what.name()),
        }
    }

    pub(crate) const fn what(self) -> What {
        match self {
            Self::Bare => What::Forward,
            Self::Constant(what) | Self::Few(what) | Self::ManyWarm(what) | Self::ManyMissing(what) => what,
        }
    }

    /// Requests before the measurement.
    pub(crate) fn warm_up(self, options: &Options) -> usize {
        match self {
            // Twice, so that the cache has seen each of them again.
            Self::ManyWarm(_) => 2 * options.hot,
            _ => 5_000,
        }
    }

    /// The requests, whose keys come in an order without a pattern.
    pub(crate) fn requests<'k>(self, keys: &'k [Key], options: &Options, round: usize) -> Requests<'k> {
        let order = match self {
            Self::Bare | Self::Constant(_) | Self::Few(_) => shuffled(super::FEW),
            Self::ManyWarm(_) => shuffled(options.hot),
            Self::ManyMissing(_) => {
                let mut order = shuffled(options.keys);
                // Each round goes on where none was lately.
                order.rotate_left(round * 7 * options.keys / 31 % options.keys);
                order
            }
        };
        Requests::new(self.what(), keys, order)
    }
}

impl What {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Verify => "verify",
        }
    }

    /// The request with a gap of a key's length, and where the gap begins.
    pub(crate) fn request(self, management_key: &str) -> (Vec<u8>, usize) {
        let gap = "K".repeat(fill::KEY_LENGTH);
        let text = match self {
            Self::Forward => format!(
                "GET /v1/forward-auth?api=bench&scope=queries:read HTTP/1.1\r\nHost: 127.0.0.1\r\n\
                 User-Agent: python-requests/2.32.3\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n\
                 Authorization: Bearer {gap}\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Method: POST\r\n\
                 X-Forwarded-Uri: /v1/queries?limit=10\r\nX-Forwarded-Host: api.example.com\r\n\
                 X-Forwarded-Proto: https\r\n\r\n"
            ),
            Self::Verify => {
                let body = format!(
                    r#"{{"key":"{gap}","api":"bench","scopes":"queries:read","request":{{"ip":"203.0.113.9","method":"POST","path":"/v1/queries","user_agent":"python-requests/2.32.3"}}}}"#
                );
                format!(
                    "POST /v1/keys/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: keywright-python/1\r\n\
                     Accept: */*\r\nAuthorization: Bearer {management_key}\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
        };
        let at = text.find(&gap).expect("the gap is there");
        (text.into_bytes(), at)
    }
}

/// The numbers below `count` in an order without a pattern, the same every time.
fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..count).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, (state >> 33) as usize % (at + 1));
    }
    order
}

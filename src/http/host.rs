//! The header `Host` (RFC 9112, section 3.2).

use poem::Request;
use poem::http::{Version, header};

use crate::error::{Error, Result};

/// Refuses an HTTP/1.1 request without exactly one valid `Host`, and a request of any version with several.
///
/// # Errors
/// `INVALID_REQUEST`.
pub(super) fn check(request: &Request) -> Result<()> {
    let mut values = request.headers().get_all(header::HOST).iter();
    let good = match (values.next(), values.next()) {
        (None, _) => request.version() != Version::HTTP_11,
        (Some(value), None) => is_host(value.as_bytes()),
        (Some(_), Some(_)) => false,
    };
    if good {
        Ok(())
    } else {
        Err(Error::invalid("Host", "Send one header Host with the host's name, and its port if there is one"))
    }
}

/// `uri-host [ ":" port ]` (RFC 3986, section 3.2.2); an empty name is allowed.
fn is_host(value: &[u8]) -> bool {
    let end = match value.first() {
        Some(b'[') => value.iter().position(|&byte| byte == b']').map(|at| at + 1),
        _ => Some(value.iter().position(|&byte| byte == b':').unwrap_or(value.len())),
    };
    let Some((name, port)) = end.map(|end| value.split_at(end)) else { return false };
    let literal = name.first() == Some(&b'[');
    let in_name = |byte: &u8| {
        let sub_delimiter_or_mark = b"-._~!$&'()*+,;=%".contains(byte);
        byte.is_ascii_alphanumeric() || sub_delimiter_or_mark || (literal && b"[]:".contains(byte))
    };
    let is_port = port.is_empty() || (port[0] == b':' && port[1..].iter().all(u8::is_ascii_digit));
    name.iter().all(in_name) && is_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_with_a_port() {
        for good in
            ["", "a", "auth.example.com", "auth.example.com:8443", "127.0.0.1:1", "[::1]", "[::1]:80", "a:"]
        {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in ["a b", "user@a", "a/b", "a:b", "a?b", "[::1", "[::1]x", "a,b c", "ä", "http://a", "a:1:2"]
        {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}

//! The end of a certificate's validity, read from its DER (RFC 5280, section 4.1).

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::model::Timestamp;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The optional version of a certificate: context-specific, constructed, number 0.
const VERSION: u8 = 0xa0;

/// When the certificate expires; none if it does not read.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = value(SEQUENCE, certificate)?;
    let (mut fields, _) = value(SEQUENCE, certificate)?;
    if fields.first() == Some(&VERSION) {
        (_, _, fields) = next(fields)?;
    }
    // Serial number, signature algorithm and issuer come before it.
    for _ in 0..3 {
        (_, _, fields) = next(fields)?;
    }
    let (validity, _) = value(SEQUENCE, fields)?;
    let (_, _, end) = next(validity)?;
    let (tag, text, _) = next(end)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

fn time(tag: u8, text: &str) -> Option<Timestamp> {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[year][month][day][hour][minute][second]Z");
    let text = match tag {
        // Two digits of the year: from 50 on of the last century (RFC 5280, section 4.1.2.5.1).
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let at: OffsetDateTime = PrimitiveDateTime::parse(&text, FORMAT).ok()?.assume_utc();
    Some(Timestamp::from_seconds(at.unix_timestamp()))
}

/// The content of the element at the front, which must have this tag, and what follows it.
fn value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = next(der)?;
    (found == tag).then_some((content, rest))
}

/// The tag and the content of the element at the front, and what follows it (X.690, section 8.1).
fn next(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["auth.example.com".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 3, 9);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_forms_of_a_time() {
        for (year, text) in
            [(2031, "2031-03-09T00:00:00Z"), (2049, "2049-03-09T00:00:00Z"), (2050, "2050-03-09T00:00:00Z")]
        {
            assert_eq!(not_after(&certificate(year)), Some(text.parse().unwrap()));
        }
    }

    #[test]
    fn what_is_cut_off_or_no_certificate_has_no_end() {
        let whole = certificate(2031);
        for length in 0..whole.len() {
            assert_eq!(not_after(&whole[..length]), None, "{length}");
        }
        assert_eq!(not_after(b"-----BEGIN CERTIFICATE-----"), None);
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}

//! Time-based one-time passwords (RFC 6238) as authenticator apps make them: SHA-1, six digits, 30 seconds.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::env::Rng;
use crate::model::encoding::percent_encoded;
use crate::model::{Secret, Timestamp};

/// Length of a seed in bytes: that of the hash, as RFC 4226, section 4, requires.
const SEED_BYTES: usize = 20;
const STEP_SECONDS: i64 = 30;
const DIGITS: usize = 6;
/// Tolerated deviation of a clock, in steps.
const DRIFT: i64 = 1;
/// Number of recovery codes.
pub const RECOVERY_CODES: usize = 10;

/// A step with a right code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The step.
    pub used: i64,
    /// The last step whose code was acceptable: a later one cannot have been used.
    pub newest: i64,
}

fn step_of(time: Timestamp) -> i64 {
    time.seconds() / STEP_SECONDS
}

/// The shared secret of an authenticator app. Its `Debug` shows nothing.
pub struct Seed(Zeroizing<[u8; SEED_BYTES]>);

impl Seed {
    /// A new seed.
    pub fn generate(rng: &dyn Rng) -> Self {
        Self(Zeroizing::new(crate::env::random(rng)))
    }

    /// Seed of these bytes, if their number is right.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The bytes, for sealing.
    pub fn expose(&self) -> &[u8] {
        &*self.0
    }

    /// Base32, for manual entry.
    pub fn base32(&self) -> Secret {
        Secret::new(BASE32_NOPAD.encode(&*self.0))
    }

    /// URI for an authenticator app: `otpauth://totp/Acme:ada%40example.com?…`.
    pub fn uri(&self, issuer: &str, account: &str) -> Secret {
        let (issuer, account) = (percent_encoded(issuer), percent_encoded(account));
        let secret = self.base32();
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            secret.expose()
        ))
    }

    /// The step of this code, at most one step from one of `times` and later than `last_used`: a code works once (RFC
    /// 6238, section 5.2). The caller stores the step before it signs the person in. There are two times because the
    /// clock may be in doubt ([`crate::env::TrustedClock`]) while the phone shows the right time.
    pub fn accepts(&self, code: &str, times: [Timestamp; 2], last_used: i64) -> Option<Step> {
        let newest = times.map(step_of).into_iter().max().unwrap_or_default() + DRIFT;
        // A step in the future was used under a wrong clock.
        let last_used = if last_used > newest { 0 } else { last_used };
        let mut found = None;
        // All steps are compared, for constant time.
        for step in times.map(step_of).into_iter().flat_map(|step| step - DRIFT..=step + DRIFT) {
            let fits = verify_slices_are_equal(self.code(step).as_bytes(), code.as_bytes()).is_ok();
            if fits && step > last_used {
                found = Some(Step { used: step, newest });
            }
        }
        found
    }

    /// Code of a step (RFC 4226, section 5.3).
    pub fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &*self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 15);
        let word = tag[offset..offset + 4].iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte));
        format!("{:0DIGITS$}", (word & 0x7fff_ffff) % 10_u32.pow(DIGITS as u32))
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// Whether a text has the form of a code of an app: six digits. Other texts can only be recovery codes.
pub fn is_app_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Ten single-use codes that replace the app: `abcde-fghij-klmno-pqrst`, 100 random bits.
pub fn recovery_codes(rng: &dyn Rng) -> Vec<Secret> {
    let one = |_| {
        let random = Zeroizing::new(crate::env::random::<13>(rng));
        let letters = Zeroizing::new(BASE32_NOPAD.encode(&*random));
        normal_recovery_code(&letters[..20])
    };
    (0..RECOVERY_CODES).map(one).collect()
}

/// Normal form of a typed recovery code: case, spaces and dashes are ignored.
pub fn normal_recovery_code(typed: &str) -> Secret {
    let letters = typed.chars().filter(char::is_ascii_alphanumeric).take(64);
    let mut text = String::with_capacity(80);
    for (at, letter) in letters.enumerate() {
        if at > 0 && at % 5 == 0 {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::SeededRng;

    fn reference() -> Seed {
        Seed::from_bytes(b"12345678901234567890").unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(reference().code(seconds / STEP_SECONDS), code);
            assert!(reference().accepts(code, [Timestamp::from_seconds(seconds); 2], 0).is_some());
        }
    }

    #[test]
    fn a_code_works_one_step_either_way_and_once() {
        let (seed, now) = (reference(), Timestamp::from_seconds(59));
        let accepts = |code, now, last| seed.accepts(code, [now; 2], last).map(|step| step.used);
        let step = accepts("287082", now, 0).unwrap();
        assert_eq!(accepts("287082", now.plus_seconds(30), 0), Some(step));
        assert_eq!(accepts("287082", now.plus_seconds(61), 0), None);
        assert_eq!(accepts("287082", now, step), None);
        assert_eq!(accepts("28708", now, 0), None);
        assert_eq!(accepts("", now, 0), None);
        // Both times are accepted, and a step of a wrong clock blocks nothing.
        let wrong = now.plus_seconds(120 * 86_400);
        assert_eq!(seed.accepts("287082", [wrong, now], 0).map(|step| step.used), Some(step));
        assert_eq!(accepts("287082", now, step + 345_600), Some(step));
    }

    #[test]
    fn the_uri_has_the_parameters_of_apps() {
        let uri = reference().uri("Acme & Co", "ada@example.com");
        assert_eq!(
            uri.expose(),
            "otpauth://totp/Acme%20%26%20Co:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Acme%20%26%20Co&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn recovery_codes_differ_and_may_be_typed_in_any_way() {
        let codes = recovery_codes(&SeededRng::new(1));
        assert_eq!(codes.len(), RECOVERY_CODES);
        for (at, code) in codes.iter().enumerate() {
            let text = code.expose();
            assert!(codes[..at].iter().all(|other| other != code));
            assert_eq!(&normal_recovery_code(&format!(" {} ", text.to_uppercase().replace('-', " "))), code);
            assert!(!is_app_code(text));
        }
    }
}

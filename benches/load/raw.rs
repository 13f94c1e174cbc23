//! The bare cryptography for comparison, on the same core without other work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use keywright::domain::identity::passwords::{PasswordHash, usual_size};
use keywright::model::Secret;
use keywright::model::setting::SigningAlg;
use thread_priority::unix::{NormalThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id};
use thread_priority::{ThreadPriority, ThreadSchedulePolicy};

/// Bytes that a typical token of ours signs.
const MESSAGE: [u8; 600] = [7; 600];

/// Signatures for some time by one thread: their number, and the microseconds per signature.
pub(crate) async fn signatures(alg: SigningAlg, time: Duration) -> String {
    blocking(move || match alg {
        SigningAlg::Rs256 => {
            let key = RsaKeyPair::generate(KeySize::Rsa3072).expect("a key");
            let (rng, mut signature) = (SystemRandom::new(), vec![0; key.public_modulus_len()]);
            repeat(time, || key.sign(&RSA_PKCS1_SHA256, &rng, &MESSAGE, &mut signature).expect("a signature"))
        }
        _ => {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
            let rng = SystemRandom::new();
            repeat(time, || {
                let _ = key.sign(&rng, &MESSAGE).expect("a signature");
            })
        }
    })
    .await
}

fn repeat(time: Duration, mut work: impl FnMut()) -> String {
    let (started, mut count) = (Instant::now(), 0_u64);
    while started.elapsed() < time {
        work();
        count += 1;
    }
    format!("{count} {}", started.elapsed().as_micros())
}

/// Argon2id with our parameters, on as many threads as the server uses and at their priority.
pub(crate) async fn hashes(time: Duration) -> String {
    blocking(move || {
        let (count, started) = (AtomicU64::new(0), Instant::now());
        std::thread::scope(|scope| {
            for _ in 0..usual_size().threads {
                scope.spawn(|| {
                    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
                    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
                    let (mut memory, password) = (Vec::new(), Secret::new("a password".to_owned()));
                    while started.elapsed() < time {
                        let _ = PasswordHash::new(&password, [7; 16], &mut memory);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        format!("{} {}", count.into_inner(), started.elapsed().as_micros())
    })
    .await
}

/// Parses `N M` as a rate per second.
pub(crate) fn per_second(answer: &str) -> f64 {
    let (count, micros) = answer.split_once(' ').expect("a count and microseconds");
    let number = |text: &str| text.parse::<f64>().expect("a number");
    number(count) / number(micros) * 1e6
}

async fn blocking(work: impl FnOnce() -> String + Send + 'static) -> String {
    tokio::task::spawn_blocking(work).await.expect("it does not panic")
}

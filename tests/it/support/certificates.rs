//! Certificates of an unknown authority.

use std::path::{Path, PathBuf};

use keywright::config::Tls;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A certificate for `names` with its key and its authority, as files of `folder`.
pub fn certify(folder: &Path, names: &[&str]) -> (Tls, PathBuf) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    // Without a name of its own, each certificate would look self-issued.
    params.distinguished_name.push(DnType::CommonName, "Test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = folder.join("ca.pem");
    std::fs::write(&authority, params.self_signed(&key).expect("a certificate").pem()).expect("written");
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, "Test server");
    let leaf = params.signed_by(&key, &issuer).expect("a certificate");
    let tls = Tls { cert: folder.join("server.pem"), key: folder.join("server.key") };
    std::fs::write(&tls.cert, leaf.pem()).expect("written");
    std::fs::write(&tls.key, key.serialize_pem()).expect("written");
    (tls, authority)
}

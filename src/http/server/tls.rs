//! The certificate and its private key.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Reads a certificate chain and its private key, both PEM, for TLS 1.2 and 1.3 with HTTP/2 and HTTP/1.1
/// by ALPN.
///
/// # Errors
/// A sentence for the operator that names the file and the remedy, and never shows what is in the key.
pub fn tls_config(
    cert_pem_path: impl AsRef<Path>,
    key_pem_path: impl AsRef<Path>,
) -> Result<Arc<ServerConfig>, String> {
    let (cert_path, key_path) = (cert_pem_path.as_ref(), key_pem_path.as_ref());
    let chain = certificates(cert_path)?;
    let key = private_key(key_path)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set TLS up: {error}"))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| mismatch(cert_path, key_path, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(PemError::NoItemsFound) => Err(format!(
            "{} holds no certificate: `tls_cert` must name a PEM file with the server's certificate first \
             and the intermediate ones after it",
            path.display()
        )),
        Err(PemError::Io(error)) => Err(unreadable("tls_cert", path, &error)),
        Err(error) => Err(format!(
            "the TLS certificate {} is damaged ({error}): copy it again from where it was issued",
            path.display()
        )),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    match PrivateKeyDer::from_pem_file(path) {
        Ok(key) => Ok(key),
        Err(PemError::NoItemsFound) => Err(format!(
            "{} holds no private key: `tls_key` must name a PEM file with an unencrypted private key",
            path.display()
        )),
        Err(PemError::Io(error)) => Err(unreadable("tls_key", path, &error)),
        // The parser's own words can quote lines of the key.
        Err(_) => Err(format!(
            "the TLS private key {} is damaged: copy it again from where it was made",
            path.display()
        )),
    }
}

fn unreadable(setting: &str, path: &Path, error: &std::io::Error) -> String {
    format!(
        "cannot read {} ({error}): check that `{setting}` names the right file and that the server's user \
         may read it",
        path.display()
    )
}

fn mismatch(cert: &Path, key: &Path, error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => format!(
            "the private key {} does not belong to the certificate {}: name the two files that were issued \
             together",
            key.display(),
            cert.display()
        ),
        error => format!(
            "cannot use the certificate {} with the private key {} ({error}): name an X.509 certificate and \
             its RSA, ECDSA or Ed25519 key",
            cert.display(),
            key.display()
        ),
    }
}

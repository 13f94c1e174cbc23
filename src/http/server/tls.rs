//! The certificate, its private key, and their files.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::validity;
use crate::locks;
use crate::model::Timestamp;

/// The server's identity: a certificate chain with its private key. It can be renewed while connections are open.
#[derive(Debug)]
pub struct Identity {
    cert: PathBuf,
    key: PathBuf,
    current: RwLock<Read>,
}

#[derive(Debug)]
struct Read {
    pair: Arc<CertifiedKey>,
    expires_at: Option<Timestamp>,
    stamps: [Stamp; 2],
}

/// Distinguishes states of a file; none where its metadata cannot be read.
type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &Path) -> Stamp {
    let of = |data: Metadata| Some((data.modified().ok()?, data.len()));
    std::fs::metadata(path).ok().and_then(of)
}

impl Identity {
    /// Reads a certificate chain and its private key, both PEM.
    ///
    /// # Errors
    /// A sentence for the operator that names the file and the remedy, and never shows what is in the key.
    pub fn read(cert_pem_path: impl AsRef<Path>, key_pem_path: impl AsRef<Path>) -> Result<Self, String> {
        let (cert, key) = (cert_pem_path.as_ref().to_owned(), key_pem_path.as_ref().to_owned());
        let current = RwLock::new(Read::new(&cert, &key)?);
        Ok(Self { cert, key, current })
    }

    /// When the certificate expires; none where it does not say so in the usual form.
    pub fn expires_at(&self) -> Option<Timestamp> {
        locks::read(&self.current).expires_at
    }

    /// Reads the files again if they have changed, and returns whether they had. Open connections keep the former
    /// certificate.
    ///
    /// # Errors
    /// As [`Identity::read`]; the former pair stays in use.
    pub fn refresh(&self) -> Result<bool, String> {
        let stamps = [stamp(&self.cert), stamp(&self.key)];
        if locks::read(&self.current).stamps == stamps {
            return Ok(false);
        }
        let read = Read::new(&self.cert, &self.key)?;
        *locks::write(&self.current) = read;
        Ok(true)
    }
}

impl Read {
    fn new(cert: &Path, key: &Path) -> Result<Self, String> {
        // Before the files are read, so that a later change is read again.
        let stamps = [stamp(cert), stamp(key)];
        let pair =
            CertifiedKey::from_der(certificates(cert)?, private_key(key)?, &aws_lc_rs::default_provider())
                .map_err(|error| mismatch(cert, key, &error))?;
        let expires_at = pair.cert.first().and_then(|leaf| validity::not_after(leaf));
        Ok(Self { pair: Arc::new(pair), expires_at, stamps })
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(locks::read(&self.current).pair.clone())
    }
}

/// TLS 1.2 and 1.3 with HTTP/2 and HTTP/1.1 by ALPN.
///
/// # Errors
/// A sentence for the operator.
pub fn tls_config(identity: &Arc<Identity>) -> Result<Arc<ServerConfig>, String> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set TLS up: {error}"))?
        .with_no_client_auth()
        .with_cert_resolver(identity.clone());
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
        // The message of the parser can quote lines of the key.
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

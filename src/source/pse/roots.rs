//! Root certificates beside the built-in ones (Mozilla's): for a proxy that looks into connections, or a server of one's own.

use std::io::Read;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, RootCertStore};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::base::fault::{Fault, io_fault};
use crate::base::plain_file;
use crate::config::Config;

/// All of Mozilla's as PEM are a quarter of this.
const MAX_BYTES: u64 = 1024 * 1024;

/// What `price_analysis.ca_file` holds; by default nothing.
#[derive(Clone, Default)]
pub struct Roots(Option<RootCerts>);

impl Roots {
    /// Reads the file that a config names, if it names one.
    ///
    /// # Errors
    /// When it cannot be read, holds no certificate, or one that cannot be understood.
    pub fn of(config: &Config) -> Result<Self, Fault> {
        config.price_ca_file.as_deref().map_or(Ok(Self::default()), Self::read)
    }

    /// Reads a PEM file: every certificate in it is a root.
    ///
    /// # Errors
    /// As [`Roots::of`].
    pub fn read(file: &Path) -> Result<Self, Fault> {
        let key = "price_analysis.ca_file";
        let pem = read(file).map_err(|error| io_fault("read", file, &error).within(key))?;
        let wrong = |text: String| Fault::invalid(format!("{}: {text}", file.display())).within(key);
        let mut store = RootCertStore::empty();
        let mut roots: Vec<Certificate<'static>> = Vec::new();
        for item in parse_pem(&pem) {
            match item.map_err(|error| wrong(format!("this is no PEM: {error}")))? {
                PemItem::Certificate(root) => {
                    let number = roots.len() + 1;
                    store
                        .add(CertificateDer::from(root.der()))
                        .map_err(|error| wrong(format!("certificate {number} is none: {error}")))?;
                    roots.push(root);
                }
                _ => log::debug!("PRICES: {key} holds more than certificates; the rest is left alone"),
            }
        }
        if roots.is_empty() {
            return Err(wrong("there is no certificate in it; PEM is needed (-----BEGIN CERTIFICATE-----)".into()));
        }
        Ok(Self(Some(roots.into())))
    }

    /// How many there are beside the built-in ones.
    pub fn count(&self) -> usize {
        match &self.0 {
            Some(RootCerts::Specific(roots)) => roots.len(),
            _ => 0,
        }
    }

    /// What trusts these and nobody else; `None` where there are none.
    pub fn tls(&self) -> Option<TlsConfig> {
        Some(TlsConfig::builder().root_certs(self.0.clone()?).build())
    }
}

/// Whether a server was refused because nobody who is trusted signed its certificate.
pub fn is_stranger(error: &ureq::Error) -> bool {
    let refused = match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => error.get_ref().and_then(|inner| inner.downcast_ref()),
        _ => None,
    };
    matches!(refused, Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)))
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let file = plain_file::open_linked(file)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a plain file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other(format!("it has more than {} KiB", MAX_BYTES / 1024)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;

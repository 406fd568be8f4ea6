//! TLS to the database, by rustls alone.

use super::options::PgOptionsError;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What is asked of the connection, as libpq names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS if the server has it.
    Prefer,
    /// TLS, whoever the server is; with certificates given, one that they vouch for.
    Require,
    /// TLS with the server that the URL names.
    VerifyFull,
}

impl TlsMode {
    pub(super) fn parse(text: &str) -> Option<TlsMode> {
        Some(match text {
            "disable" => TlsMode::Disable,
            "prefer" => TlsMode::Prefer,
            "require" => TlsMode::Require,
            "verify-full" => TlsMode::VerifyFull,
            _ => return None,
        })
    }

    pub(super) fn of_the_client(self) -> SslMode {
        match self {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyFull => SslMode::Require,
        }
    }
}

/// What makes TLS connections in this mode, trusting `roots` or else the system's certificates.
pub(super) fn connector(
    mode: TlsMode,
    roots: Option<&Path>,
) -> Result<MakeRustlsConnect, PgOptionsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of both versions");
    let builder = match (mode, roots) {
        (TlsMode::VerifyFull, roots) => builder.with_root_certificates(trusted(roots)?),
        // Whoever names certificates wants to be sure.
        (TlsMode::Require, Some(roots)) => builder.with_root_certificates(trusted(Some(roots))?),
        _ => {
            let anybody = Arc::new(Anybody(provider));
            builder
                .dangerous()
                .with_custom_certificate_verifier(anybody)
        }
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

fn trusted(roots: Option<&Path>) -> Result<RootCertStore, PgOptionsError> {
    let place = roots.map_or("the system".to_owned(), |path| path.display().to_string());
    let unreadable = |reason: String| PgOptionsError::Certificates {
        place: place.clone(),
        reason,
    };
    let mut store = RootCertStore::empty();
    match roots {
        Some(path) => {
            let found = CertificateDer::pem_file_iter(path);
            for certificate in found.map_err(|error| unreadable(error.to_string()))? {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                let added = store.add(certificate);
                added.map_err(|error| unreadable(error.to_string()))?;
            }
        }
        None => {
            // Some systems have old ones among them that can not be read.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    match store.is_empty() {
        true => Err(unreadable("there are none".to_owned())),
        false => Ok(store),
    }
}

/// Takes any certificate, as `sslmode=require` says: it keeps listeners out, not who stands in between.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

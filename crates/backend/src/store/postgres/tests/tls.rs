use super::*;
use crate::store::postgres::PgReads;
use crate::store::reads::ReadSide;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A certificate for `localhost`, and the file of whoever vouches for it.
fn certificate(folder: &Path) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let vouching = authority.self_signed(&authority_key).unwrap();
    std::fs::write(folder.join("ca.pem"), vouching.pem()).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let server = server.signed_by(&key, &issuer).unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    (server.der().clone(), key.into())
}

/// Speaks TLS in front of a server that does not, and takes nobody without it. Answers with its port.
fn front(database: &Database, folder: &Path) -> u16 {
    let (certificate, key) = certificate(folder);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (_, rest) = database.url.split_once('@').unwrap();
    let server = rest.split('/').next().unwrap().to_owned();
    let listener = database.runtime.block_on(TcpListener::bind("127.0.0.1:0"));
    let listener = listener.unwrap();
    let port = listener.local_addr().unwrap().port();
    database.runtime.spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let (acceptor, server) = (acceptor.clone(), server.clone());
            tokio::spawn(async move {
                // SSLRequest: its length, and the number that stands for it.
                let mut request = [0; 8];
                client.read_exact(&mut request).await.ok()?;
                if request != [0, 0, 0, 8, 4, 210, 22, 47] {
                    return None;
                }
                client.write_all(b"S").await.ok()?;
                let mut client = acceptor.accept(client).await.ok()?;
                let mut server = TcpStream::connect(server).await.ok()?;
                copy_bidirectional(&mut client, &mut server).await.ok()
            });
        }
    });
    port
}

#[test]
fn tls_is_as_strict_as_asked() {
    let database = Database::new();
    let folder = tempfile::tempdir().unwrap();
    let port = front(&database, folder.path());
    let roots = folder.path().join("ca.pem");
    let (user, rest) = database.url.split_once('@').unwrap();
    let name = rest.split('/').nth(1).unwrap();
    let read = |url: String, roots: Option<&Path>| -> Result<Cents, String> {
        let options = options(&url);
        let options = match roots {
            Some(roots) => options.trusting(roots).unwrap(),
            None => options,
        };
        let reads = PgReads::new(PgPool::new(&options).unwrap());
        let outcome = database.runtime.block_on(reads.balance(super::user(7)));
        outcome.map_err(|error| std::error::Error::source(&error).unwrap().to_string())
    };
    let fronted = |host: &str, mode: &str| format!("{user}@{host}:{port}/{name}?sslmode={mode}");
    let trusted = Some(roots.as_path());

    assert_eq!(
        read(fronted("localhost", "verify-full"), trusted),
        Ok(Cents::ZERO)
    );
    let encoded = roots.display().to_string().replace('/', "%2F");
    let with_roots = format!(
        "{}&sslrootcert={encoded}",
        fronted("localhost", "verify-full")
    );
    assert_eq!(read(with_roots, None), Ok(Cents::ZERO));
    for mode in ["require", "prefer"] {
        assert_eq!(
            read(fronted("127.0.0.1", mode), None),
            Ok(Cents::ZERO),
            "{mode}"
        );
    }

    let others = folder.path().join("others");
    std::fs::create_dir(&others).unwrap();
    certificate(&others);
    let stranger = read(
        fronted("localhost", "verify-full"),
        Some(&others.join("ca.pem")),
    );
    assert!(
        stranger
            .as_ref()
            .is_err_and(|error| error.contains("invalid peer certificate")),
        "{stranger:?}"
    );
    for mode in ["verify-full", "require"] {
        let elsewhere = read(fronted("127.0.0.1", mode), trusted);
        assert!(
            elsewhere
                .as_ref()
                .is_err_and(|error| error.contains("not valid for name")),
            "{mode}: {elsewhere:?}"
        );
    }
    assert!(read(fronted("localhost", "disable"), None).is_err());
    let plain = read(format!("{user}@{rest}?sslmode=require"), None);
    assert!(
        plain
            .as_ref()
            .is_err_and(|error| error.contains("does not support TLS")),
        "{plain:?}"
    );
}

use super::*;
use net::certificate::{PrivateAuthority, ServerCertificate};
use net::client::{TlsVersion, Trust};
use net::{Body, Drain, ServeSettings, handler_fn};

struct Server {
    address: SocketAddr,
    drain: Drain,
    authority: tempfile::NamedTempFile,
}

impl Server {
    fn start() -> Self {
        net::install_crypto_provider();
        let authority = PrivateAuthority::create().unwrap();
        let names = ["localhost".to_owned()];
        let credential = authority.issue(&names, Duration::from_secs(3600)).unwrap();
        let certificate = ServerCertificate::new(&credential.certificate_pem, &credential.key_pem).unwrap();
        let settings = ServeSettings { tls: Some(Arc::new(certificate)), ..ServeSettings::default() };
        let listener = net::listen("127.0.0.1:0".parse().unwrap(), 64).unwrap();
        let address = listener.local_addr().unwrap();
        let drain = Drain::new();
        let handler = handler_fn(|_| async { http::Response::new(Body::empty()) });
        tokio::spawn(net::serve(listener, settings, handler, drain.clone()));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &authority.credential().certificate_pem).unwrap();
        Self { address, drain, authority: file }
    }

    fn plan(&self, version: TlsVersion, stages: &[Stage]) -> Plan {
        let files = vec![self.authority.path().to_owned()];
        Plan {
            host: "localhost".to_owned(),
            address: self.address,
            settings: HandshakeSettings {
                trust: Trust { system: false, files, folders: Vec::new() },
                insecure: false,
                credential: None,
                versions: vec![version],
                ciphers: Vec::new(),
                groups: Vec::new(),
                alpn: vec!["h2".to_owned()],
                server_name: "localhost".to_owned(),
                resume: false,
                connect_timeout: Duration::from_secs(10),
                handshake_timeout: Duration::from_secs(10),
            },
            stages: stages.to_vec(),
            count: 5,
            concurrency: 1,
            interval: Duration::ZERO,
        }
    }
}

fn only(report: &Report, round: usize) -> &Agreed {
    let agreed = &report.rounds[round].agreed;
    assert_eq!((agreed.len(), agreed[0].1), (1, 5), "{agreed:?}");
    &agreed[0].0
}

/// Full and resumed handshakes of both versions, and what was agreed on.
#[tokio::test(flavor = "multi_thread")]
async fn full_and_resumed_handshakes_are_told_apart() {
    let server = Server::start();
    for (version, name) in [(TlsVersion::Tls13, "TLSv1.3"), (TlsVersion::Tls12, "TLSv1.2")] {
        let plan = server.plan(version, &[Stage::Tcp, Stage::Full, Stage::Resumed]);
        let report = run(&plan).await.unwrap();
        assert!(report.is_clean(), "{}", report.shown());
        assert_eq!(report.rounds[0].connecting.as_ref().unwrap().summary.count, 5);
        assert_eq!(report.rounds[0].handshake, None);
        let full = only(&report, 1);
        assert_eq!((full.form, full.version.as_str()), (Form::Full, name));
        assert_eq!(full.key.as_deref(), Some("ECDSA P-256"));
        assert_eq!(full.alpn.as_deref(), Some("h2"));
        assert_eq!(full.group.as_deref(), Some("X25519"));
        assert_eq!(only(&report, 2).form, Form::Resumed);
        assert_eq!(report.rounds[2].handshake.as_ref().unwrap().summary.count, 5);
    }
    server.drain.begin();
}

/// Suites and groups can be chosen by the names that people know; others are refused with a list.
#[tokio::test(flavor = "multi_thread")]
async fn suites_and_groups_can_be_chosen() {
    let server = Server::start();
    for (version, cipher, group, named) in [
        (TlsVersion::Tls13, "TLS_CHACHA20_POLY1305_SHA256", "P-384", "TLS13_CHACHA20_POLY1305_SHA256 secp384r1"),
        (TlsVersion::Tls13, "tls13_aes_256_gcm_sha384", "x25519", "TLS13_AES_256_GCM_SHA384 X25519"),
        (
            TlsVersion::Tls12,
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "prime256v1",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 secp256r1",
        ),
        (
            TlsVersion::Tls12,
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "secp256r1",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 secp256r1",
        ),
    ] {
        let mut plan = server.plan(version, &[Stage::Full]);
        plan.settings.ciphers = vec![cipher.to_owned()];
        plan.settings.groups = vec![group.to_owned()];
        let report = run(&plan).await.unwrap();
        let agreed = only(&report, 0);
        assert_eq!(format!("{} {}", agreed.cipher, agreed.group.as_deref().unwrap()), named);
    }
    let mut plan = server.plan(TlsVersion::Tls13, &[Stage::Full]);
    plan.settings.ciphers = vec!["RC4-MD5".to_owned()];
    let problem = run(&plan).await.unwrap_err();
    assert!(problem.detail.contains("'RC4-MD5'") && problem.detail.contains("TLS13_AES_128_GCM_SHA256"), "{problem}");
    server.drain.begin();
}

/// Failures are counted by their cause, and do not end the row.
#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_by_cause() {
    let server = Server::start();
    let mut plan = server.plan(TlsVersion::Tls13, &[Stage::Full]);
    plan.settings.server_name = "elsewhere.example".to_owned();
    plan.concurrency = 3;
    let report = run(&plan).await.unwrap();
    assert!(!report.is_clean());
    let failures: Vec<(&str, u64)> =
        report.rounds[0].failures.iter().map(|failure| (failure.kind.as_str(), failure.count)).collect();
    assert_eq!(failures, [("peer-untrusted", 5)]);
    server.drain.begin();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plan = Plan { address: gone, stages: vec![Stage::Tcp], ..plan };
    let report = run(&plan).await.unwrap();
    assert_eq!(
        (report.rounds[0].failures[0].kind.as_str(), report.rounds[0].failures[0].count),
        ("peer-unreachable", 5)
    );
    assert_eq!(report.rounds[0].connecting, None);
}

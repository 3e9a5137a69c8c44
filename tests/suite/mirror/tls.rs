//! HTTPS: an authority of one's own, and certificates that are not to be trusted.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::world::{INDEX, LISTING, QUICK, Sample, World};
use crate::harness::Case;
use crate::in_process::Server;
use crate::running;
use epr_build::serve::{ServeOptions, TlsFiles};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_rustls::{TlsAcceptor, rustls};

/// What `openssl ca` needs, which unlike other commands makes certificates for any time.
const AUTHORITY: &str = "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n\
                         policy=any\n[any]\ncommonName=supplied\n";

/// A certificate that signs itself, for a time (from and to, as `20200131000000Z`) and a name.
fn certificate(openssl: &Path, folder: &Path, (from, to): (&str, &str), name: &str) -> TlsFiles {
    fs::create_dir_all(folder).unwrap();
    let files = [
        ("authority", AUTHORITY.to_owned()),
        ("index.txt", String::new()),
        ("names", format!("subjectAltName={name}\nbasicConstraints=critical,CA:FALSE\n")),
    ];
    files.iter().for_each(|(file, text)| fs::write(folder.join(file), text).unwrap());
    let run = |words: &[&str]| {
        let made = Command::new(openssl).current_dir(folder).args(words).output().unwrap();
        assert!(made.status.success(), "{words:?}: {made:?}");
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "epr.key"];
    run(&[&["req", "-new", "-subj", "/CN=mirror", "-out", "request"][..], &key].concat());
    let authority = ["ca", "-batch", "-notext", "-selfsign", "-config", "authority", "-keyfile", "epr.key"];
    let dates = ["-extfile", "names", "-in", "request", "-out", "epr.crt", "-startdate", from, "-enddate", to];
    run(&[&authority[..], &dates].concat());
    TlsFiles { certificate: folder.join("epr.crt"), key: folder.join("epr.key"), only_v13: false }
}

#[test]
fn certificates_are_checked_and_an_authority_of_ones_own_counts() {
    let Some(openssl) = running::binary("openssl") else { return };
    let sample = Sample::new("alpha", "1.0.0");
    let source = Case::new().config("distributions: {mirrored: [up]}\nlayers: {up: {paths: up}}\nui: no\n");
    for (path, bytes) in World::expected(std::slice::from_ref(&sample)) {
        let path = source.path("up").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(source.run(&["--dist", "mirrored", "--quiet"]).code, 0);
    let good = "IP:127.0.0.1";
    let (now, past) = (("20200101000000Z", "20900101000000Z"), ("20200101000000Z", "20200201000000Z"));
    let future = ("20890101000000Z", "20900101000000Z");
    for (name, time, names, has_ca, expected) in [
        ("own authority", now, good, true, Ok(())),
        ("unknown authority", now, good, false, Err("UnknownIssuer")),
        ("another name", now, "DNS:other.example", true, Err("NotValidForName")),
        ("expired", past, good, true, Err("Expired")),
        ("not yet valid", future, good, true, Err("NotValidYet")),
    ] {
        let folder = source.path(&name.replace(' ', "-"));
        let tls = certificate(&openssl, &folder, time, names);
        let mut options = ServeOptions::new(source.path("out/mirrored/current"));
        options.tls = Some(tls.clone());
        let server = Server::start(options);
        let world = World::new(&[], "", "");
        let ca = if has_ca { format!(", ca: \"{}\"", tls.certificate.display()) } else { String::new() };
        fs::write(
            world.case.path("epr-build.yml"),
            format!(
                "distributions: {{mirrored: [up]}}\nupstreams: {{up: {{url: \"https://{}\", {QUICK}{ca}}}}}\n\
                 layers: {{up: {{paths: up, mirror: {{from: [up]}}}}}}\n",
                server.address
            ),
        )
        .unwrap();
        let run = world.mirror("");
        match expected {
            Ok(()) => {
                assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {run:#?}");
                assert_eq!(world.placed(), World::expected(std::slice::from_ref(&sample)));
            }
            Err(word) => {
                assert_eq!(run.code, 3, "{name}: {run:#?}");
                assert!(run.stderr.contains("the certificate of the server is not trusted"), "{name}: {run:#?}");
                assert!(run.stderr.contains(word) && run.stderr.contains("name that in `ca`"), "{name}: {run:#?}");
                assert!(world.placed().is_empty());
            }
        }
    }
    // A file that holds no certificate is said before anything is asked.
    let world = World::new(&[sample], "", "ca: trusted.asc");
    let run = world.mirror("");
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.contains("trusted.asc` holds no certificate\nhint: `ca` names a file in PEM"), "{run:#?}");
}

/// A server by HTTPS whose answers are files, each a whole answer.
struct Answers(Child);

impl Drop for Answers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Who asks by HTTPS is not led to where anybody could answer.
#[test]
fn a_redirect_never_leads_away_from_tls() {
    let Some(openssl) = running::binary("openssl") else { return };
    let sample = Sample { signature: None, ..Sample::new("alpha", "1.0.0") };
    let plain = super::upstream::Upstream::start();
    plain.answer("/x.zip?token=secret", super::upstream::Answer::ok(&sample.zip));
    let world = World::new(&[], "", "");
    let folder = world.case.path("tls");
    let time = ("20200101000000Z", "20900101000000Z");
    let TlsFiles { certificate, key, .. } = certificate(&openssl, &folder, time, "IP:127.0.0.1");
    let write = |path: &str, head: &str, body: &[u8]| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        fs::write(path, [head.as_bytes(), body].concat()).unwrap();
    };
    write("search?all=true&prerelease=true", "200 OK", format!("[{}]", sample.item()).as_bytes());
    let index = format!("{{\"schema\":\"epr-build/packages/1\",\"packages\":[{}]}}", sample.element());
    write(INDEX.trim_start_matches('/'), "200 OK", index.as_bytes());
    let location = format!("302 Found\r\nLocation: http://{}/x.zip?token=secret", plain.address);
    write(&sample.path()[1..], &location, b"");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let mut server = Command::new(&openssl);
    server.args(["s_server", "-quiet", "-HTTP", "-accept", &port.to_string(), "-cert", certificate, "-key", key]);
    server.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _server = Answers(server.spawn().unwrap());
    let is_there = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!((0..200).any(|_| is_there() || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        false
    }));
    world.reconfigure(|text| {
        let own = format!("url: \"{}\"", world.upstream.url());
        text.replace(&own, &format!("url: \"https://127.0.0.1:{port}\", ca: \"{certificate}\""))
    });
    let run = world.mirror("");
    assert_eq!(run.code, 1, "{run:#?}");
    let words = format!("a redirect leads from https to `http://{}/x.zip`, where anybody could answer", plain.address);
    assert!(run.stderr.contains(&words) && !run.stderr.contains("secret"), "{run:#?}");
    assert!(world.placed().is_empty() && plain.asked().is_empty());
}

/// A server that speaks HTTP/2 alone. The first two connections break off at their first request; every later one is ended in
/// order after its first answer, by GOAWAY. Returns where it is, and the number of its connections.
fn leaving(tls: &TlsFiles, answers: BTreeMap<String, Vec<u8>>) -> (SocketAddr, Arc<AtomicUsize>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = CertificateDer::pem_file_iter(&tls.certificate).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&tls.key).unwrap();
    let mut config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (address, answers) = (listener.local_addr().unwrap(), Arc::new(answers));
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let serve = async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, answers) = (acceptor.clone(), Arc::clone(&answers));
            let breaks_off = count.fetch_add(1, Ordering::SeqCst) < 2;
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let asked = Arc::new(tokio::sync::Notify::new());
                let first = Arc::clone(&asked);
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    first.notify_one();
                    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
                    let body = answers.get(&path).cloned();
                    async move {
                        if breaks_off {
                            std::future::pending::<()>().await;
                        }
                        let mut response = Response::new(reqwest::Body::from(body.clone().unwrap_or_default()));
                        if body.is_none() {
                            *response.status_mut() = hyper::StatusCode::NOT_FOUND;
                        }
                        Ok::<_, Infallible>(response)
                    }
                });
                let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let mut connection = Box::pin(http.serve_connection(TokioIo::new(stream), service));
                tokio::select! {
                    _ = connection.as_mut() => return,
                    () = asked.notified() => {}
                }
                if !breaks_off {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            });
        }
    };
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(serve);
    });
    (address, connections)
}

/// Where the server ends a connection, as servers do that are started anew or that balance load, everything comes in the end.
#[test]
fn a_server_that_ends_its_connections_is_asked_again() {
    let Some(openssl) = running::binary("openssl") else { return };
    let samples = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"].map(|version| Sample::new("alpha", version));
    let items: Vec<_> = samples.iter().map(Sample::item).collect();
    let mut answers = BTreeMap::from([(LISTING.to_owned(), format!("[{}]", items.join(",")).into_bytes())]);
    for sample in &samples {
        answers.insert(sample.path(), sample.zip.clone());
        answers.insert(format!("{}.sig", sample.path()), sample.signature.clone().unwrap());
    }
    let world = World::new(&[], "", "");
    let time = ("20200101000000Z", "20900101000000Z");
    let tls = certificate(&openssl, &world.case.path("tls"), time, "IP:127.0.0.1");
    let (address, connections) = leaving(&tls, answers);
    world.reconfigure(|text| {
        let own = format!("url: \"{}\"", world.upstream.url());
        text.replace(&own, &format!("url: \"https://{address}\", ca: \"{}\"", tls.certificate.display()))
    });
    let run = world.mirror("");
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(world.placed(), World::expected(&samples));
    assert!(connections.load(Ordering::SeqCst) > 4, "{connections:?}");
}

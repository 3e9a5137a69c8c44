//! The documents of an image: its configuration, its manifest, and the two lists of names.

use super::layer::Blob;
use super::options::{HOME, ImageOptions, PORT, PROGRAM, USER};
use crate::carry::program::Program;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// The file that says what a layout is.
pub(super) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// No clock reaches an image: it is as old as any other with the same content.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// Nanoseconds, which is what engines count in.
const SECOND: u64 = 1_000_000_000;

/// Names with tags: the distribution, the generation, and those asked for.
///
/// # Errors
/// When engines would not take a name.
pub(super) fn names(options: &ImageOptions) -> Result<Vec<String>> {
    let repository = &options.repository;
    ensure!(
        is_repository(repository),
        "`{repository}` is not the name of an image\nhint: write, for example, `epr` or `registry.example.org:5000/team/epr`"
    );
    let tags = [&options.distribution, &options.generation].into_iter().chain(&options.tags);
    let mut names: Vec<String> = Vec::new();
    for tag in tags {
        ensure!(
            is_tag(tag),
            "`{tag}` is not a tag\nhint: write up to 128 letters, digits and `_.-`, and begin with a letter, digit or `_`"
        );
        let name = format!("{}:{tag}", options.repository);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn is_tag(tag: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=128).contains(&tag.len()) && tag.bytes().all(is_fit) && !tag.starts_with(['.', '-'])
}

/// Returns true if a name consists of an optional host and of components in lower case.
fn is_repository(name: &str) -> bool {
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if is_host(host) => (host, path),
        _ => ("", name),
    };
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_component =
        |part: &str| part.bytes().all(is_fit) && is_end(part.bytes().next()) && is_end(part.bytes().next_back());
    let is_in_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    name.len() <= 255 && host.bytes().all(is_in_host) && path.split('/').all(is_component)
}

/// Returns true if the first component of a name is a host.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

/// The configuration of the image, whose registry lies below the prefix: how to run it.
pub(super) fn config(options: &ImageOptions, prefix: &str, program: &Program, layers: &[Blob]) -> Vec<u8> {
    let ImageOptions { distribution, generation, .. } = options;
    let program_path = format!("/{PROGRAM}");
    let address = format!("http://127.0.0.1:{PORT}");
    let address = if prefix.is_empty() { address } else { format!("{address}{prefix}/") };
    let diffs: Vec<_> = layers.iter().map(|blob| format!("sha256:{}", blob.digest)).collect();
    let history: Vec<_> =
        layers.iter().map(|_| json!({ "created": CREATED, "created_by": "epr-build image" })).collect();
    bytes(&json!({
        "architecture": program.architecture,
        "config": {
            "Cmd": ["serve", "--dist", distribution, "--out", format!("/{HOME}")],
            "Entrypoint": [program_path],
            "Env": [format!("EPR_ADDRESS=0.0.0.0:{PORT}")],
            "ExposedPorts": { format!("{PORT}/tcp"): {} },
            "Healthcheck": {
                "Interval": 10 * SECOND,
                "Retries": 3,
                "StartPeriod": 5 * SECOND,
                "Test": ["CMD", program_path, "probe", address],
                "Timeout": 5 * SECOND,
            },
            "Labels": {
                "org.opencontainers.image.description": "Elastic packages, served by epr-build",
                "org.opencontainers.image.revision": generation,
                "org.opencontainers.image.title": format!("Elastic Package Registry: {distribution}"),
                "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
                "epr-build.distribution": distribution,
                "epr-build.generation": generation,
                "epr-build.version": env!("CARGO_PKG_VERSION"),
            },
            "StopSignal": "SIGTERM",
            "User": format!("{USER}:{USER}"),
            "WorkingDir": "/",
        },
        "created": CREATED,
        "history": history,
        "os": "linux",
        "rootfs": { "diff_ids": diffs, "type": "layers" },
    }))
}

/// The manifest of the image: what it is made of.
pub(super) fn manifest(config: &Blob, layers: &[Blob]) -> Vec<u8> {
    let layers: Vec<_> = layers.iter().map(|blob| descriptor(LAYER, blob)).collect();
    let config = descriptor(CONFIG, config);
    bytes(&json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers }))
}

/// The names in the layout: one entry for each, as tools that know only one name of an entry expect.
pub(super) fn index(manifest: &Blob, names: &[String]) -> Vec<u8> {
    let entry = |name: &String| {
        let mut entry = descriptor(MANIFEST, manifest);
        let tag = name.rsplit(':').next().unwrap_or_default();
        entry["annotations"] =
            json!({ "io.containerd.image.name": full(name), "org.opencontainers.image.ref.name": tag });
        entry
    };
    let entries: Vec<_> = names.iter().map(entry).collect();
    bytes(&json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries }))
}

/// The list that `docker load` reads.
pub(super) fn docker(config: &Blob, layers: &[Blob], names: &[String]) -> Vec<u8> {
    let layers: Vec<_> = layers.iter().map(Blob::path).collect();
    bytes(&json!([{ "Config": config.path(), "RepoTags": names, "Layers": layers }]))
}

/// A name as containerd has it: with the registry that is meant when none is named.
fn full(name: &str) -> String {
    let has_host = name.split_once('/').is_some_and(|(host, _)| is_host(host));
    match (has_host, name.contains('/')) {
        (true, _) => name.to_owned(),
        (false, true) => format!("docker.io/{name}"),
        (false, false) => format!("docker.io/library/{name}"),
    }
}

fn descriptor(kind: &str, blob: &Blob) -> Value {
    json!({ "mediaType": kind, "digest": format!("sha256:{}", blob.digest), "size": blob.size })
}

/// Keys are sorted by `serde_json`, so equal documents are equal bytes.
fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_engines_refuse_are_refused() {
        for (name, is_good) in [
            ("epr", true),
            ("team/epr-build", true),
            ("registry.example.org:5000/Team/epr", false),
            ("registry.example.org:5000/team/epr", true),
            ("localhost/epr", true),
            ("Epr", false),
            ("epr:tag", false),
            ("epr/", false),
            ("", false),
            ("-epr", false),
        ] {
            assert_eq!(is_repository(name), is_good, "{name}");
        }
        for (tag, is_good) in [("8.5.0", true), ("staging", true), (".a", false), ("", false), ("a b", false)] {
            assert_eq!(is_tag(tag), is_good, "{tag}");
        }
        assert!(!is_tag(&"a".repeat(129)));
    }

    #[test]
    fn containerd_is_told_whole_names() {
        for (name, expected) in [
            ("epr:a", "docker.io/library/epr:a"),
            ("team/epr:a", "docker.io/team/epr:a"),
            ("registry.example.org/epr:a", "registry.example.org/epr:a"),
            ("registry:5000/epr:a", "registry:5000/epr:a"),
            ("localhost/epr:a", "localhost/epr:a"),
        ] {
            assert_eq!(full(name), expected);
        }
    }
}

//! Which layers an image has: by the list that `docker load` reads, else by the index of OCI.

use super::outer::Outer;
use crate::base::digest::Digest;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// Layers of an image; engines stop at some 120.
const MOST_LAYERS: usize = 1_000;
/// Indexes may name indexes.
const MOST_LEVELS: usize = 4;

/// An image: what it is called by, and its layers, the lowest first.
#[derive(Debug)]
pub(super) struct Image {
    /// Digest of its configuration, which names those of all layers.
    pub(super) id: Digest,
    pub(super) layers: Vec<LayerBlob>,
}

/// A layer of an image.
#[derive(Debug)]
pub(super) struct LayerBlob {
    /// Name of the member that holds it, compressed or not.
    pub(super) member: String,
    /// `sha256:` and the digest of the tar in it.
    pub(super) digest: String,
}

/// An element of `manifest.json`, as `docker save` writes it.
#[derive(Deserialize)]
struct Saved {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// The configuration of an image, as far as it concerns us.
#[derive(Deserialize)]
struct Configuration {
    rootfs: RootFolder,
}

#[derive(Deserialize)]
struct RootFolder {
    diff_ids: Vec<String>,
}

/// An index or a manifest of OCI: both name blobs.
#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    manifests: Vec<Described>,
    config: Option<Described>,
    #[serde(default)]
    layers: Vec<Described>,
}

#[derive(Deserialize)]
struct Described {
    digest: String,
    #[serde(default)]
    annotations: Option<serde_json::Map<String, serde_json::Value>>,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
}

/// Finds the only image.
///
/// # Errors
/// When there is none, there are several, or a document is damaged.
pub(super) fn read(outer: &Outer) -> Result<Image> {
    let (config, layers) = if outer.has("manifest.json") {
        let mut saved: Vec<Saved> =
            serde_json::from_slice(&outer.read("manifest.json")?).context("its manifest.json is damaged")?;
        let names: Vec<String> = saved.iter().flat_map(|image| image.tags.clone().unwrap_or_default()).collect();
        ensure!(
            saved.len() <= 1,
            "it holds {} images: {}\nhint: save one of them alone",
            saved.len(),
            names.join(", ")
        );
        let image = saved.pop().context("its manifest.json names no image")?;
        (image.config, image.layers)
    } else if outer.has("index.json") {
        manifest(outer, "index.json", 0)?
    } else {
        bail!("it is no container image: neither `docker save` nor a tool of OCI wrote it");
    };
    ensure!(layers.len() <= MOST_LAYERS, "it has more than {MOST_LAYERS} layers");
    let text = outer.read(&config)?;
    let configuration: Configuration =
        serde_json::from_slice(&text).with_context(|| format!("its configuration {config} is damaged"))?;
    let digests = configuration.rootfs.diff_ids;
    ensure!(digests.len() == layers.len(), "its configuration names {} layers of {}", digests.len(), layers.len());
    let layers = layers.into_iter().zip(digests).map(|(member, digest)| LayerBlob { member, digest });
    Ok(Image { id: Digest::of(&text), layers: layers.collect() })
}

/// Configuration and layers of the only manifest that an index leads to.
fn manifest(outer: &Outer, name: &str, level: usize) -> Result<(String, Vec<String>)> {
    ensure!(level < MOST_LEVELS, "its indexes name each other");
    let listing: Listing = serde_json::from_slice(&outer.read(name)?).with_context(|| format!("{name} is damaged"))?;
    if let Some(config) = listing.config {
        let layers = listing.layers.iter().map(|layer| blob(&layer.digest)).collect::<Result<_>>()?;
        return Ok((blob(&config.digest)?, layers));
    }
    // What is no image, such as an attestation, says so by its platform. Packages are the same for all others.
    let mut images: Vec<&Described> = listing
        .manifests
        .iter()
        .filter(|found| found.platform.as_ref().is_none_or(|platform| platform.architecture != "unknown"))
        .collect();
    images.dedup_by(|a, b| a.digest == b.digest);
    let name_of = |found: &&Described| {
        let named = found.annotations.as_ref()?.get("org.opencontainers.image.ref.name")?.as_str()?;
        Some(named.to_owned())
    };
    match images[..] {
        [] => bail!("{name} names no image"),
        [image] => manifest(outer, &blob(&image.digest)?, level + 1),
        // The same image for several machines: all hold the same packages.
        _ if level > 0 || images.iter().all(|found| found.platform.is_some()) => {
            manifest(outer, &blob(&images[0].digest)?, level + 1)
        }
        _ => {
            let names: Vec<String> = images.iter().filter_map(name_of).collect();
            bail!("it holds {} images: {}\nhint: save one of them alone", images.len(), names.join(", "))
        }
    }
}

/// The member that holds a blob.
fn blob(digest: &str) -> Result<String> {
    let (kind, hex) = digest.split_once(':').with_context(|| format!("`{digest}` is no digest"))?;
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    ensure!(matches!(kind, "sha256" | "sha512") && is_hex(hex), "`{digest}` is no digest");
    Ok(format!("blobs/{kind}/{hex}"))
}

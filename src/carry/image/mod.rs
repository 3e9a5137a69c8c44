//! A container image of a distribution, made without any engine: the tool's own server and one generation.
//!
//! The image is an [OCI image layout](https://github.com/opencontainers/image-spec) in one tar file, with the list that
//! `docker load` reads beside it. The program is one layer, what few packages share another, packages lie in layers by
//! their name, answers in the last one: an update of a package changes its layer and the last one, and registries move
//! layers that they do not know yet. Layers are not compressed: most of what is in them is compressed already, and their
//! digests depend on nothing but their files.
//!
//! `plan` says which file is in which layer, `layer` writes one, `config` describes them. Knows nothing of what a
//! file means beyond its place below the document root.

mod config;
mod layer;
mod options;
mod plan;

pub use options::ImageOptions;

use crate::base::fs;
use crate::base::progress::Progress;
use crate::carry::bundle::check;
use crate::carry::program::Program;
use crate::generation::distribution::{Distribution, REMEDY};
use anyhow::{Context, Result, bail, ensure};
use layer::{Blob, header};
use plan::Layer;
use rayon::prelude::*;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// An image that was written.
#[derive(Clone, Debug)]
pub struct Image {
    /// Digest of the image's manifest, `sha256:…`.
    pub digest: String,
    /// Names with tags.
    pub names: Vec<String>,
    /// Layers.
    pub layers: usize,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Writes an image to a file, replacing it by one rename.
///
/// # Errors
/// When the generation or the program is not fit for it, or the machine fails.
pub fn write(options: &ImageOptions, output: &Path, progress: &Progress) -> Result<Image> {
    let program = Program::read(&options.program)?;
    let distribution = Distribution::new(&options.out, &options.distribution);
    ensure!(distribution.has(&options.generation), "there is no generation {}", options.generation);
    let faults = check::generation(&options.out, &distribution, &options.generation, progress)?;
    if let Some(fault) = faults.first() {
        bail!("{fault}\nhint: {REMEDY}");
    }
    let names = config::names(options)?;
    let layers = plan::layers(&options.out, &options.distribution, &options.generation, &program)?;
    progress.begin("hash layers", layers.len() as u64);
    let blobs = layers.par_iter().map(|layer| layer::digest(layer).inspect(|_| progress.step()));
    let blobs = blobs.collect::<Result<Vec<_>>>()?;
    progress.finish();
    let config = config::config(options, &distribution.hosting(&options.generation)?.prefix, &program, &blobs);
    let manifest = config::manifest(&Blob::of(&config), &blobs);
    let parts = Parts {
        index: config::index(&Blob::of(&manifest), &names),
        docker: config::docker(&Blob::of(&config), &blobs, &names),
        config,
        manifest,
    };
    let temporary = with_suffix(output, ".new");
    let write = || -> Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, fs::create(&temporary)?);
        write_layout(&mut out, &layers, &blobs, &parts)?;
        out.into_inner().context("cannot write the image")?.sync_all().context("cannot write the image")
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    let bytes = fs::metadata(&temporary)?.len();
    fs::rename_for_good(&temporary, output)?;
    let digest = format!("sha256:{}", Blob::of(&parts.manifest).digest);
    Ok(Image { digest, names, layers: blobs.len(), bytes })
}

/// Returns true if something lies at a path that an image must not take the place of: all but an earlier image and an empty
/// file.
///
/// # Errors
/// When it cannot be read.
pub fn is_other_file(output: &Path) -> Result<bool> {
    if fs::link_metadata(output).is_err() {
        return Ok(false);
    }
    if !fs::metadata(output)?.is_file() {
        return Ok(true);
    }
    let mut head = Vec::new();
    let read = fs::open(output)?.take(512).read_to_end(&mut head);
    read.with_context(|| format!("cannot read {}", output.display()))?;
    // The first member of the tar is the folder of blobs.
    let is_image = head.starts_with(b"blobs") && head.get(257..262) == Some(b"ustar");
    Ok(!head.is_empty() && !is_image)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The documents of an image.
struct Parts {
    config: Vec<u8>,
    manifest: Vec<u8>,
    index: Vec<u8>,
    docker: Vec<u8>,
}

/// Writes the files of the layout in the order of their names.
fn write_layout(out: &mut dyn Write, layers: &[Layer], blobs: &[Blob], parts: &Parts) -> Result<()> {
    enum LayoutFile<'a> {
        Bytes(&'a [u8]),
        Layer(&'a Layer, &'a Blob),
    }
    let mut files: Vec<(String, LayoutFile<'_>)> = Vec::new();
    for bytes in [&parts.config, &parts.manifest] {
        files.push((Blob::of(bytes).path(), LayoutFile::Bytes(bytes)));
    }
    files.extend(layers.iter().zip(blobs).map(|(layer, blob)| (blob.path(), LayoutFile::Layer(layer, blob))));
    files.push(("index.json".to_owned(), LayoutFile::Bytes(&parts.index)));
    files.push(("manifest.json".to_owned(), LayoutFile::Bytes(&parts.docker)));
    files.push(("oci-layout".to_owned(), LayoutFile::Bytes(config::LAYOUT)));
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let mut tar = tar::Builder::new(out);
    for folder in ["blobs", "blobs/sha256"] {
        let mut header = header(tar::EntryType::Directory, 0o755, 0, 0);
        tar.append_data(&mut header, folder, std::io::empty()).context("cannot write the image")?;
    }
    for (path, content) in files {
        match content {
            LayoutFile::Bytes(bytes) => {
                let mut header = header(tar::EntryType::Regular, 0o644, bytes.len() as u64, 0);
                tar.append_data(&mut header, path, bytes).context("cannot write the image")?;
            }
            LayoutFile::Layer(layer, blob) => {
                let mut header = header(tar::EntryType::Regular, 0o644, blob.size, 0);
                header.set_path(&path).context("the name of a blob is short")?;
                header.set_cksum();
                let out = tar.get_mut();
                out.write_all(header.as_bytes()).context("cannot write the image")?;
                let written = layer::write(layer, out)?;
                ensure!(written == *blob, "a file of the generation changed while it was read\nhint: try again");
                let padding = (512 - blob.size % 512) % 512;
                out.write_all(&[0; 512][..padding as usize]).context("cannot write the image")?;
            }
        }
    }
    tar.finish().context("cannot write the image")
}

#[cfg(test)]
mod tests {
    use super::{Parts, is_other_file, write_layout};
    use std::fs;

    #[test]
    fn only_images_and_nothing_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("epr.tar");
        assert!(!is_other_file(&file).unwrap());
        let mut image = Vec::new();
        let [config, manifest, index, docker] = [(); 4].map(|()| b"{}".to_vec());
        write_layout(&mut image, &[], &[], &Parts { config, manifest, index, docker }).unwrap();
        for (bytes, expected) in [(&b""[..], false), (&image, false), (b"blobs", true), (b"notes", true)] {
            fs::write(&file, bytes).unwrap();
            assert_eq!(is_other_file(&file).unwrap(), expected, "{:?}", &bytes[..bytes.len().min(8)]);
        }
        assert!(is_other_file(folder.path()).unwrap());
    }
}
